// The network's shape as the kernels see it: where every weight lies, padded to whole vectors.
#pragma once
#include <cstddef>
#include <cstdint>

namespace unitcell {

constexpr int kElements = 88;
constexpr int kUnfilled = 88;
constexpr int kFocusRows = 21;
/** Rows of activations are padded with zeros to a multiple of this many floats (64 bytes). */
constexpr int kPad = 16;
constexpr int kMaxLayers = 9;
constexpr int kMaxBlocks = 32;

constexpr int padded(int width) { return (width + kPad - 1) / kPad * kPad; }

/**
 * y = x W + b. `weight` is [in, out padded], so that vectors run along the outputs; `transposed` is [out padded, in
 * padded], for the gradient of x. An input joined of several parts has each part padded.
 */
struct Linear {
  int in = 0;
  int out = 0;
  size_t weight = 0;
  size_t bias = 0;
  size_t transposed = 0;
};

struct Mlp {
  int count = 0;
  Linear layers[kMaxLayers];
  const Linear& last() const { return layers[count - 1]; }
};

struct Block {
  Mlp denseEdge, denseNode, denseState;
  Mlp edge, node, state;
};

/** Gates i, f, g, o of an LSTM on [q, r, h]; both of PyTorch's biases. */
struct Lstm {
  Linear gates;
  size_t secondBias = 0;
};

/** How a tensor of the flat array (PyTorch's layout) lies in the padded one. */
struct TensorMap {
  size_t flat, packed;
  int rows, columns;
  /** Of the padded array; 0: the tensor is copied as it is. */
  int stride;
  int inPart, outPart;

  /** Where row r (an output), column c (an input) lies. */
  size_t at(int r, int c) const {
    if (stride == 0) return packed + (size_t)r * columns + c;
    const size_t in = (size_t)(c / inPart) * padded(inPart) + c % inPart;
    return packed + in * stride + (size_t)(r / outPart) * padded(outPart) + r % outPart;
  }
};

struct Plan {
  // The architecture (architecture.ts).
  bool focusNode = false, readoutNode = false;
  int gaussians = 1, stateSize = 0, nodeFeatures = 0, nodeTokens = 0;
  int elementEmbedding = 0, tokenEmbedding = 0, focusEmbedding = 0;
  int blocks = 0, iterations = 0;
  float dropout = 0;
  int width = 0;

  // Derived: padded widths and places.
  int w = 0;
  int nodeIn = 0, stateIn = 0;
  size_t elementTable = 0, tokenTable = 0, focusTable = 0;
  Mlp edgeEncoder, nodeEncoder, stateEncoder, output;
  Block block[kMaxBlocks];
  Lstm nodeSet, edgeSet;
  size_t packedSize = 0, transposedSize = 0, flatSize = 0;
};

struct Batch {
  int graphs = 0, nodes = 0, edges = 0;
  const uint32_t* nodeOffsets = nullptr;
  const uint32_t* edgeOffsets = nullptr;
  const uint8_t* elements = nullptr;
  const uint32_t* focus = nullptr;
  const float* state = nullptr;
  const float* nodeFeatures = nullptr;
  const uint8_t* nodeTokens = nullptr;
  const uint32_t* sources = nullptr;
  const uint32_t* targets = nullptr;
  const float* distances = nullptr;
};

/** What is computed on a batch. Without `actions`: outputs only. */
struct Task {
  Batch batch;
  const float* weights = nullptr;
  const float* transposed = nullptr;
  /** [graphs, 88], or [nodes, 88] with `sites`. */
  float* outputs = nullptr;
  bool sites = false;

  const uint8_t* actions = nullptr;
  const float* graphWeights = nullptr;
  /** y of the TD error, per graph; null for cloning. */
  const float* returns = nullptr;
  float omega = 1;
  float auxiliary = 0;
  const uint8_t* siteElements = nullptr;
  /** Sites that the auxiliary loss counts, in the whole batch. */
  long auxiliaryCount = 0;
  bool drop = false;
  uint32_t dropoutSeed = 0;
};

/** Sums over graphs (or auxiliary sites), not yet divided. */
struct Sums {
  double imitation = 0, temporalDifference = 0, auxiliary = 0, correct = 0, q = 0;
};

struct AdamStep {
  float learningRate, beta1, beta2, epsilon, decay, tau, clip, correction1, correction2;
};

/** The functions that exist once per instruction set. */
struct Kernels {
  const char* name;
  /** Floats of scratch memory for a piece of a batch. */
  size_t (*scratch)(const Plan&, const Task&, int firstGraph, int endGraph);
  /** Outputs of the graphs; with actions also their losses, and the gradient added to `gradient` (padded layout). */
  void (*run)(const Plan&, const Task&, int firstGraph, int endGraph, float* scratch, float* gradient, Sums*);
  /** gradient = sum of the parts, in their order; returns the sum of its squares. */
  double (*reduce)(float* const* parts, int count, size_t from, size_t to);
  /** Adam on [from, to), and Polyak after it. */
  void (*adam)(const AdamStep&, float* online, float* target, float* m, float* v, const float* gradient, size_t from, size_t to);
  void (*transpose)(const float* weights, float* transposed, const Linear&);
  /** Floating point operations per second of the matrix kernel on operands in cache, for the benchmark. */
  double (*peak)(double seconds);
};

extern const Kernels kernelsPortable;
extern const Kernels kernelsAvx2;
extern const Kernels kernelsAvx512;

}  // namespace unitcell
