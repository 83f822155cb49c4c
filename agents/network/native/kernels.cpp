// Compiled once per instruction set (build.js); `KERNELS` names the table it exports, the only name with linkage.
#include "piece.h"
#include <time.h>

namespace {

constexpr float kRhoAngstrom2 = 2.0f;
constexpr float kFirstCentreAngstrom = 0.5f, kLastCentreAngstrom = 6.0f;

struct BlockBuffers {
  Layers denseEdge, denseNode, denseState, edge, node, state;
  float *e, *v, *u;
  float *incoming, *meanEdge, *meanNode;
};

class Piece {
 public:
  Piece(const Plan& plan, const Task& task, int firstGraph, int endGraph, float* memory)
      : p(plan), t(task), b(task.batch), g0(firstGraph), train(task.actions != nullptr) {
    B = endGraph - firstGraph;
    n0 = b.nodeOffsets[firstGraph];
    e0 = b.edgeOffsets[firstGraph];
    N = b.nodeOffsets[endGraph] - n0;
    E = b.edgeOffsets[endGraph] - e0;
    W = p.w;
    arena.base = memory;
    countRows();
    takeMemory();
    if (t.drop && p.dropout > 0) {
      dropout.on = true;
      dropout.seed = t.dropoutSeed;
      dropout.kept = 1.0f / (1.0f - p.dropout);
      dropout.threshold = (uint32_t)((double)p.dropout * 4294967296.0);
    }
  }

  size_t scratch() const { return arena.used; }

  void run(float* gradient, Sums* sums) {
    index();
    encode();
    for (int k = 0; k < p.blocks; k++) convolve(k);
    if (p.readoutNode) {
      readNodes();
    } else {
      readSets();
    }
    if (t.outputs) writeOutputs();
    if (!train) return;
    grad = gradient;
    lossGradient(*sums);
    zero(dE, E * W);
    zero(dV, N * W);
    zero(dU, B * W);
    if (p.readoutNode) {
      unreadNodes();
    } else {
      unreadSets();
    }
    for (int k = p.blocks - 1; k >= 0; k--) unconvolve(k);
    unencode();
  }

 private:
  const Plan& p;
  const Task& t;
  const Batch& b;
  const int g0;
  const bool train;
  long B, N, E, n0, e0, W, R;
  Arena arena{nullptr};
  Dropout dropout;
  float* grad = nullptr;

  uint32_t *sources, *targets, *graphOfNode, *nodeOffsets, *edgeOffsets, *rowNode, *rowGraph;
  float *gaussians, *nodeInput, *stateInput;
  Layers encodedEdge, encodedNode, encodedState, head;
  BlockBuffers block[kMaxBlocks];
  float *productSource, *productTarget, *productGraph;
  SetPool nodePool, edgePool;
  float *headInput, *headState, *logits;
  // Gradients: of a block's outputs, of its inner inputs, and two that layers swap.
  float *dE, *dV, *dU, *de, *dv, *du, *dIncoming, *dMeanEdge, *dMeanNode, *swapA, *swapB, *dHead;

  const float* weights(size_t offset) const { return t.weights + offset; }

  void countRows() {
    if (!p.readoutNode) {
      R = B;
    } else if (t.sites) {
      R = N;
    } else {
      R = B;
      if (train && t.auxiliary != 0)
        for (long n = 0; n < N; n++) R += isAuxiliary(n);
    }
  }

  bool isAuxiliary(long n) const {
    if (b.elements[n0 + n] != kUnfilled || t.siteElements[n0 + n] >= kElements) return false;
    long g = 0;
    while (b.nodeOffsets[g0 + g + 1] <= n0 + n) g++;
    return b.nodeOffsets[g0 + g] + b.focus[g0 + g] != n0 + n;
  }

  void takeMemory() {
    sources = arena.integers(E);
    targets = arena.integers(E);
    graphOfNode = arena.integers(N);
    nodeOffsets = arena.integers(B + 1);
    edgeOffsets = arena.integers(B + 1);
    rowNode = arena.integers(R);
    rowGraph = arena.integers(R);
    gaussians = arena.floats(E * p.gaussians);
    nodeInput = arena.floats(N * padded(p.nodeIn));
    stateInput = arena.floats(B * padded(p.stateIn));
    encodedEdge.take(arena, p.edgeEncoder, E);
    encodedNode.take(arena, p.nodeEncoder, N);
    encodedState.take(arena, p.stateEncoder, B);
    long first = 0, widest = W;
    const auto measure = [&](const Mlp& mlp) {
      for (int i = 0; i < mlp.count; i++)
        if (mlp.layers[i].out > widest) widest = mlp.layers[i].out;
      if (mlp.count > 0 && mlp.layers[0].out > first) first = mlp.layers[0].out;
    };
    measure(p.edgeEncoder);
    measure(p.output);
    for (int k = 0; k < p.blocks; k++) {
      const Block& layers = p.block[k];
      BlockBuffers& buffers = block[k];
      measure(layers.edge);
      measure(layers.denseEdge);
      if (k > 0) {
        buffers.denseEdge.take(arena, layers.denseEdge, E);
        buffers.denseNode.take(arena, layers.denseNode, N);
        buffers.denseState.take(arena, layers.denseState, B);
      }
      buffers.edge.take(arena, layers.edge, E);
      buffers.node.take(arena, layers.node, N);
      buffers.state.take(arena, layers.state, B);
      buffers.e = arena.floats(E * W);
      buffers.v = arena.floats(N * W);
      buffers.u = arena.floats(B * W);
      buffers.incoming = arena.floats(N * W);
      buffers.meanEdge = arena.floats(B * W);
      buffers.meanNode = arena.floats(B * W);
    }
    productSource = arena.floats(N * first);
    productTarget = arena.floats(N * first);
    productGraph = arena.floats(B * first);
    head.take(arena, p.output, R);
    if (p.readoutNode) {
      headInput = arena.floats(R * W);
      headState = arena.floats(B * W);
    } else {
      nodePool.take(arena, p, B, N, train);
      edgePool.take(arena, p, B, E, train);
      headInput = arena.floats(B * 5 * W);
    }
    if (!train) return;
    dE = arena.floats(E * W);
    dV = arena.floats(N * W);
    dU = arena.floats(B * W);
    de = arena.floats(E * W);
    dv = arena.floats(N * W);
    du = arena.floats(B * W);
    dIncoming = arena.floats(N * W);
    dMeanEdge = arena.floats(B * W);
    dMeanNode = arena.floats(B * W);
    long rows = E > N ? E : N;
    if (R > rows) rows = R;
    if (B > rows) rows = B;
    const long inputs = padded(p.nodeIn) > padded(p.stateIn) ? padded(p.nodeIn) : padded(p.stateIn);
    if (inputs > widest) widest = inputs;
    swapA = arena.floats(rows * widest);
    swapB = arena.floats(rows * widest);
    dHead = arena.floats((p.readoutNode ? R : 5 * B) * W);
  }

  /** Numbers within the piece instead of the batch. */
  void index() {
    for (long g = 0; g <= B; g++) {
      nodeOffsets[g] = b.nodeOffsets[g0 + g] - n0;
      edgeOffsets[g] = b.edgeOffsets[g0 + g] - e0;
    }
    for (long g = 0; g < B; g++)
      for (uint32_t n = nodeOffsets[g]; n < nodeOffsets[g + 1]; n++) graphOfNode[n] = g;
    for (long e = 0; e < E; e++) {
      sources[e] = b.sources[e0 + e] - n0;
      targets[e] = b.targets[e0 + e] - n0;
    }
    if (!p.readoutNode) return;
    if (t.sites) {
      for (long n = 0; n < N; n++) {
        rowNode[n] = n;
        rowGraph[n] = graphOfNode[n];
      }
      return;
    }
    for (long g = 0; g < B; g++) {
      rowNode[g] = nodeOffsets[g] + b.focus[g0 + g];
      rowGraph[g] = g;
    }
    long row = B;
    if (R > B)
      for (long n = 0; n < N; n++)
        if (isAuxiliary(n)) {
          rowNode[row] = n;
          rowGraph[row++] = graphOfNode[n];
        }
  }

  void encode() {
    const int count = p.gaussians;
    const float spacing = count > 1 ? (kLastCentreAngstrom - kFirstCentreAngstrom) / (count - 1) : 1;
    for (long e = 0; e < E; e++) {
      const float d = b.distances[e0 + e];
      float* to = gaussians + e * count;
      if (count == 1) {
        to[0] = -d * d / kRhoAngstrom2;
      } else {
        for (int k = 0; k < count; k++) {
          const float z = (d - (kFirstCentreAngstrom + k * spacing)) / spacing;
          to[k] = -z * z;
        }
      }
    }
    const long total = (E * count + kPad - 1) / kPad * kPad;
    for (long i = E * count; i < total; i++) gaussians[i] = 0;
    for (long i = 0; i < total; i += kLanes) store(gaussians + i, exponential(load(gaussians + i)));

    const long nodeStride = padded(p.nodeIn), stateStride = padded(p.stateIn);
    for (long n = 0; n < N; n++) {
      float* to = nodeInput + n * nodeStride;
      const auto append = [&](const float* from, int size) {
        std::memcpy(to, from, size * sizeof(float));
        to += size;
      };
      append(weights(p.elementTable) + b.elements[n0 + n] * p.elementEmbedding, p.elementEmbedding);
      if (p.focusNode) *to++ = nodeOffsets[graphOfNode[n]] + b.focus[g0 + graphOfNode[n]] == n ? 1.0f : 0.0f;
      if (p.nodeFeatures) append(b.nodeFeatures + (n0 + n) * p.nodeFeatures, p.nodeFeatures);
      for (int k = 0; k < p.nodeTokens; k++)
        append(weights(p.tokenTable) + b.nodeTokens[(n0 + n) * p.nodeTokens + k] * p.tokenEmbedding, p.tokenEmbedding);
    }
    for (long g = 0; g < B; g++) {
      float* to = stateInput + g * stateStride;
      std::memcpy(to, b.state + (g0 + g) * p.stateSize, p.stateSize * sizeof(float));
      if (!p.focusNode)
        std::memcpy(to + p.stateSize, weights(p.focusTable) + focusRow(g) * p.focusEmbedding, p.focusEmbedding * sizeof(float));
    }
    forwardLayers(p.edgeEncoder, 0, E, gaussians, count, t.weights, encodedEdge);
    forwardLayers(p.nodeEncoder, 0, N, nodeInput, nodeStride, t.weights, encodedNode);
    forwardLayers(p.stateEncoder, 0, B, stateInput, stateStride, t.weights, encodedState);
  }

  long focusRow(long g) const {
    const long focus = b.focus[g0 + g];
    return focus < kFocusRows ? focus : kFocusRows - 1;
  }

  float* blockE(int k) const { return k < 0 ? encodedEdge.y[p.edgeEncoder.count - 1] : block[k].e; }
  float* blockV(int k) const { return k < 0 ? encodedNode.y[p.nodeEncoder.count - 1] : block[k].v; }
  float* blockU(int k) const { return k < 0 ? encodedState.y[p.stateEncoder.count - 1] : block[k].u; }
  // What enters the updates of block k: its input, or the dense layers' output.
  float* innerE(int k) const { return k == 0 ? blockE(-1) : block[k].denseEdge.y[p.block[k].denseEdge.count - 1]; }
  float* innerV(int k) const { return k == 0 ? blockV(-1) : block[k].denseNode.y[p.block[k].denseNode.count - 1]; }
  float* innerU(int k) const { return k == 0 ? blockU(-1) : block[k].denseState.y[p.block[k].denseState.count - 1]; }

  /** out = in + dropout(change) */
  void skip(float* out, const float* in, const float* change, long rows, int place, long firstRow) const {
    const uint32_t key = dropout.key(place);
    for (long i = 0; i < rows; i++)
      for (long j = 0; j < W; j += kLanes) {
        V c = load(change + i * W + j);
        if (dropout.on) c *= dropout.factors(key, (firstRow + i) * p.width + j);
        store(out + i * W + j, load(in + i * W + j) + c);
      }
  }

  /** x *= mask, in place. */
  void mask(float* x, long rows, long stride, int columns, int place, long firstRow) const {
    if (!dropout.on) return;
    const uint32_t key = dropout.key(place);
    for (long i = 0; i < rows; i++)
      for (long j = 0; j < stride; j += kLanes)
        store(x + i * stride + j, load(x + i * stride + j) * dropout.factors(key, (firstRow + i) * columns + j));
  }

  void scaleRow(float* x, float factor) const {
    for (long j = 0; j < W; j += kLanes) store(x + j, load(x + j) * factor);
  }

  void convolve(int k) {
    const Block& layers = p.block[k];
    BlockBuffers& to = block[k];
    if (k > 0) {
      forwardLayers(layers.denseEdge, 0, E, blockE(k - 1), W, t.weights, to.denseEdge);
      forwardLayers(layers.denseNode, 0, N, blockV(k - 1), W, t.weights, to.denseNode);
      forwardLayers(layers.denseState, 0, B, blockU(k - 1), W, t.weights, to.denseState);
    }
    const float *e = innerE(k), *v = innerV(k), *u = innerU(k);

    // [v_source, v_target, e, u] W = the products of its parts, each computed once for the row it belongs to.
    const Linear& first = layers.edge.layers[0];
    const long H = first.out;
    const float* w = weights(first.weight);
    multiply<false>(B, H, W, u, W, w + 3 * W * H, H, Bias{productGraph, H, weights(first.bias)});
    multiply<false>(N, H, W, v, W, w, H, Store{productSource, H});
    multiply<false>(N, H, W, v, W, w + W * H, H, Gather{productTarget, H, productGraph, graphOfNode});
    multiply<false>(E, H, W, e, W, w + 2 * W * H, H,
                    GatherTwoActivate{to.edge.y[0], H, productSource, sources, productTarget, targets});
    forwardLayers(layers.edge, 1, E, nullptr, 0, t.weights, to.edge);
    const float* change = to.edge.y[layers.edge.count - 1];
    meansOfEdges(change, to.incoming, to.meanEdge);
    skip(to.e, blockE(k - 1), change, E, 3 * k, e0);

    const Linear& nodeFirst = layers.node.layers[0];
    const long HN = nodeFirst.out;
    w = weights(nodeFirst.weight);
    multiply<false>(B, HN, W, u, W, w + 2 * W * HN, HN, Bias{productGraph, HN, weights(nodeFirst.bias)});
    multiply<false>(N, HN, W, v, W, w, HN, Store{to.node.y[0], HN});
    multiply<false>(N, HN, W, to.incoming, W, w + W * HN, HN,
                    AddGatherActivate{to.node.y[0], HN, productGraph, graphOfNode});
    forwardLayers(layers.node, 1, N, nullptr, 0, t.weights, to.node);
    change = to.node.y[layers.node.count - 1];
    meansOfNodes(change, to.meanNode);
    skip(to.v, blockV(k - 1), change, N, 3 * k + 1, n0);

    const Linear& stateFirst = layers.state.layers[0];
    const long HS = stateFirst.out;
    w = weights(stateFirst.weight);
    multiply<false>(B, HS, W, u, W, w, HS, Store{to.state.y[0], HS});
    multiply<false>(B, HS, W, to.meanEdge, W, w + W * HS, HS, Add{to.state.y[0], HS});
    multiply<false>(B, HS, W, to.meanNode, W, w + 2 * W * HS, HS,
                    AddBiasActivate{to.state.y[0], HS, weights(stateFirst.bias)});
    forwardLayers(layers.state, 1, B, nullptr, 0, t.weights, to.state);
    skip(to.u, blockU(k - 1), to.state.y[layers.state.count - 1], B, 3 * k + 2, g0);
  }

  /** Means of the edges into every node and of every graph; 0 where there are none. */
  void meansOfEdges(const float* x, float* ofNodes, float* ofGraphs) const {
    zero(ofNodes, N * W);
    zero(ofGraphs, B * W);
    long e = 0;
    for (long n = 0; n < N; n++) {
      float* to = ofNodes + n * W;
      const long first = e;
      for (; e < E && targets[e] == n; e++) addTo(to, x + e * W, W);
      addTo(ofGraphs + graphOfNode[n] * W, to, W);
      if (e > first) scaleRow(to, 1.0f / (e - first));
    }
    for (long g = 0; g < B; g++) {
      const long edges = edgeOffsets[g + 1] - edgeOffsets[g];
      if (edges > 0) scaleRow(ofGraphs + g * W, 1.0f / edges);
    }
  }

  void meansOfNodes(const float* x, float* ofGraphs) const {
    zero(ofGraphs, B * W);
    for (long n = 0; n < N; n++) addTo(ofGraphs + graphOfNode[n] * W, x + n * W, W);
    for (long g = 0; g < B; g++) scaleRow(ofGraphs + g * W, 1.0f / (nodeOffsets[g + 1] - nodeOffsets[g]));
  }

  void readSets() {
    const int last = p.blocks - 1;
    nodePool.forward(p, p.nodeSet, B, nodeOffsets, blockV(last), t.weights);
    edgePool.forward(p, p.edgeSet, B, edgeOffsets, blockE(last), t.weights);
    const int it = p.iterations - 1;
    const float* parts[5] = {nodePool.q[it], nodePool.r[it], edgePool.q[it], edgePool.r[it], blockU(last)};
    for (long g = 0; g < B; g++)
      for (int k = 0; k < 5; k++)
        std::memcpy(headInput + (g * 5 + k) * W, parts[k] + g * W, W * sizeof(float));
    maskParts(headInput);
    forwardLayers(p.output, 0, B, headInput, 5 * W, t.weights, head, true);
    logits = head.y[p.output.count - 1];
  }

  /** The mask of the joined readout input, whose entries are counted without padding. */
  void maskParts(float* x) const {
    if (!dropout.on) return;
    const uint32_t key = dropout.key(3 * p.blocks);
    for (long g = 0; g < B; g++)
      for (int k = 0; k < 5; k++)
        for (long j = 0; j < W; j += kLanes) {
          float* at = x + (g * 5 + k) * W + j;
          store(at, load(at) * dropout.factors(key, (g0 + g) * 5 * p.width + k * p.width + j));
        }
  }

  void readNodes() {
    const int last = p.blocks - 1;
    const float *v = blockV(last), *u = blockU(last);
    const uint32_t key = dropout.key(3 * p.blocks);
    for (long r = 0; r < R; r++)
      for (long j = 0; j < W; j += kLanes) {
        V x = load(v + rowNode[r] * W + j);
        if (dropout.on) x *= dropout.factors(key, (n0 + rowNode[r]) * p.width + j);
        store(headInput + r * W + j, x);
      }
    std::memcpy(headState, u, B * W * sizeof(float));
    mask(headState, B, W, p.width, 3 * p.blocks + 1, g0);
    const Linear& first = p.output.layers[0];
    const long H = first.out;
    const float* w = weights(first.weight);
    multiply<false>(B, H, W, headState, W, w + W * H, H, Bias{productGraph, H, weights(first.bias)});
    if (p.output.count == 1) {
      multiply<false>(R, H, W, headInput, W, w, H, Gather{head.y[0], H, productGraph, rowGraph});
    } else {
      multiply<false>(R, H, W, headInput, W, w, H, GatherActivate{head.y[0], H, productGraph, rowGraph});
    }
    forwardLayers(p.output, 1, R, nullptr, 0, t.weights, head, true);
    logits = head.y[p.output.count - 1];
  }

  void writeOutputs() const {
    const long first = t.sites ? n0 : g0;
    const long rows = t.sites ? N : B;
    for (long i = 0; i < rows; i++)
      std::memcpy(t.outputs + (first + i) * kElements, logits + i * padded(kElements), kElements * sizeof(float));
  }

  /** The losses of the rows; their logits are replaced by the gradient. */
  void lossGradient(Sums& sums) {
    const long stride = padded(kElements);
    const float share = 1.0f / b.graphs;
    for (long r = 0; r < R; r++) {
      float* z = logits + r * stride;
      const bool isFocus = r < B;
      const long graph = g0 + rowGraphOf(r);
      const int action = isFocus ? t.actions[graph] : t.siteElements[n0 + rowNode[r]];
      const float weight = t.graphWeights ? t.graphWeights[graph] : 1.0f;
      float largest = z[0];
      int best = 0;
      for (int k = 1; k < kElements; k++)
        if (z[k] > largest) {
          largest = z[k];
          best = k;
        }
      const float chosen = z[action];
      for (long k = kElements; k < stride; k++) z[k] = -3e38f;
      V total = V{};
      for (long j = 0; j < stride; j += kLanes) {
        // Far below the largest an exponential is limited to e^-87, which adds nothing.
        const V power = select(load(z + j) < -1e38f, V{}, exponential(load(z + j) - largest));
        store(z + j, power);
        total += power;
      }
      const float partition = sum(total);
      const double crossEntropy = (double)largest + __builtin_log((double)partition) - chosen;
      float scale;
      if (isFocus) {
        sums.imitation += weight * crossEntropy;
        sums.q += chosen;
        sums.correct += best == action;
        scale = weight * share * (t.returns ? t.omega : 1.0f);
      } else {
        sums.auxiliary += weight * crossEntropy;
        scale = weight * t.auxiliary / t.auxiliaryCount;
      }
      const float factor = scale / partition;
      for (long j = 0; j < stride; j += kLanes) store(z + j, load(z + j) * factor);
      z[action] -= scale;
      if (isFocus && t.returns) {
        const float difference = chosen - t.returns[graph];
        sums.temporalDifference += 0.5 * (double)difference * difference;
        z[action] += difference * share;
      }
    }
  }

  long rowGraphOf(long r) const { return p.readoutNode ? rowGraph[r] : r; }

  void unreadSets() {
    const int last = p.blocks - 1;
    std::memcpy(swapA, logits, B * padded(kElements) * sizeof(float));
    float* d = backwardLayers(p.output, B, head, swapA, swapB, t.transposed, grad);
    const Linear& first = p.output.layers[0];
    addWeightGradient(first, 0, first.in, headInput, 5 * W, d, B, grad);
    addColumnSums(d, B, first.out, grad + first.bias);
    multiply<false>(B, 5 * W, first.out, d, first.out, t.transposed + first.transposed, padded(first.in), Store{dHead, 5 * W});
    maskParts(dHead);
    // The blocks' buffers lie unused so far.
    float* parts[5] = {dMeanEdge, dMeanNode, du, dv, dU};
    for (long g = 0; g < B; g++)
      for (int k = 0; k < 5; k++)
        std::memcpy(parts[k] + g * W, dHead + (g * 5 + k) * W, W * sizeof(float));
    nodePool.backward(p, p.nodeSet, B, nodeOffsets, blockV(last), parts[0], parts[1], dV, t.transposed, grad);
    edgePool.backward(p, p.edgeSet, B, edgeOffsets, blockE(last), parts[2], parts[3], dE, t.transposed, grad);
  }

  void unreadNodes() {
    std::memcpy(swapA, logits, R * padded(kElements) * sizeof(float));
    float* d = backwardLayers(p.output, R, head, swapA, swapB, t.transposed, grad);
    const Linear& first = p.output.layers[0];
    const long H = first.out;
    addWeightGradient(first, 0, W, headInput, W, d, R, grad);
    multiply<false>(R, W, H, d, H, t.transposed + first.transposed, padded(first.in), Store{dHead, W});
    const uint32_t key = dropout.key(3 * p.blocks);
    for (long r = 0; r < R; r++)
      for (long j = 0; j < W; j += kLanes) {
        V x = load(dHead + r * W + j);
        if (dropout.on) x *= dropout.factors(key, (n0 + rowNode[r]) * p.width + j);
        float* to = dV + rowNode[r] * W + j;
        store(to, load(to) + x);
      }
    zero(productGraph, B * H);
    for (long r = 0; r < R; r++) addTo(productGraph + rowGraph[r] * H, d + r * H, H);
    addWeightGradient(first, W, W, headState, W, productGraph, B, grad);
    addColumnSums(productGraph, B, H, grad + first.bias);
    multiply<false>(B, W, H, productGraph, H, t.transposed + first.transposed + W, padded(first.in), Store{dU, W});
    mask(dU, B, W, p.width, 3 * p.blocks + 1, g0);
  }

  /** d = mask(dOut) * softplus2'(y) for one row range; `extra` is added before. */
  INLINE V masked(const float* d, uint32_t key, uint32_t entry) const {
    V x = load(d);
    if (dropout.on) x *= dropout.factors(key, entry);
    return x;
  }

  void unconvolve(int k) {
    const Block& layers = p.block[k];
    BlockBuffers& from = block[k];
    const float *e = innerE(k), *v = innerV(k), *u = innerU(k);

    // State update.
    float* d = swapA;
    const float* y = from.state.y[layers.state.count - 1];
    uint32_t key = dropout.key(3 * k + 2);
    for (long g = 0; g < B; g++)
      for (long j = 0; j < W; j += kLanes)
        store(d + g * W + j, masked(dU + g * W + j, key, (g0 + g) * p.width + j) * softplus2Gradient(load(y + g * W + j)));
    d = backwardLayers(layers.state, B, from.state, d, swapB, t.transposed, grad);
    const Linear& stateFirst = layers.state.layers[0];
    const long HS = stateFirst.out;
    const long stride = padded(stateFirst.in);
    const float* tr = t.transposed + stateFirst.transposed;
    addWeightGradient(stateFirst, 0, W, u, W, d, B, grad);
    addWeightGradient(stateFirst, W, W, from.meanEdge, W, d, B, grad);
    addWeightGradient(stateFirst, 2 * W, W, from.meanNode, W, d, B, grad);
    addColumnSums(d, B, HS, grad + stateFirst.bias);
    multiply<false>(B, W, HS, d, HS, tr, stride, Store{du, W});
    multiply<false>(B, W, HS, d, HS, tr + W, stride, Store{dMeanEdge, W});
    multiply<false>(B, W, HS, d, HS, tr + 2 * W, stride, Store{dMeanNode, W});
    for (long g = 0; g < B; g++) {
      const long edges = edgeOffsets[g + 1] - edgeOffsets[g];
      scaleRow(dMeanNode + g * W, 1.0f / (nodeOffsets[g + 1] - nodeOffsets[g]));
      scaleRow(dMeanEdge + g * W, edges > 0 ? 1.0f / edges : 0.0f);
    }

    // Node update.
    d = swapA;
    y = from.node.y[layers.node.count - 1];
    key = dropout.key(3 * k + 1);
    for (long n = 0; n < N; n++) {
      const float* mean = dMeanNode + graphOfNode[n] * W;
      for (long j = 0; j < W; j += kLanes) {
        const V x = masked(dV + n * W + j, key, (n0 + n) * p.width + j) + load(mean + j);
        store(d + n * W + j, x * softplus2Gradient(load(y + n * W + j)));
      }
    }
    d = backwardLayers(layers.node, N, from.node, d, swapB, t.transposed, grad);
    const Linear& nodeFirst = layers.node.layers[0];
    const long HN = nodeFirst.out;
    tr = t.transposed + nodeFirst.transposed;
    addWeightGradient(nodeFirst, 0, W, v, W, d, N, grad);
    addWeightGradient(nodeFirst, W, W, from.incoming, W, d, N, grad);
    multiply<false>(N, W, HN, d, HN, tr, stride, Store{dv, W});
    multiply<false>(N, W, HN, d, HN, tr + W, stride, Store{dIncoming, W});
    unproduct(nodeFirst, 2 * W, d, u);

    // Edge update.
    d = swapA;
    y = from.edge.y[layers.edge.count - 1];
    key = dropout.key(3 * k);
    for (long n = 0, i = 0; n < N; n++) {
      long end = i;
      while (end < E && targets[end] == n) end++;
      if (end == i) continue;
      // What reaches every edge into this node alike.
      float* shared = dIncoming + n * W;
      scaleRow(shared, 1.0f / (end - i));
      addTo(shared, dMeanEdge + graphOfNode[n] * W, W);
      for (; i < end; i++)
        for (long j = 0; j < W; j += kLanes) {
          const V x = masked(dE + i * W + j, key, (e0 + i) * p.width + j) + load(shared + j);
          store(d + i * W + j, x * softplus2Gradient(load(y + i * W + j)));
        }
    }
    d = backwardLayers(layers.edge, E, from.edge, d, swapB, t.transposed, grad);
    const Linear& first = layers.edge.layers[0];
    const long H = first.out;
    tr = t.transposed + first.transposed;
    addWeightGradient(first, 2 * W, W, e, W, d, E, grad);
    multiply<false>(E, W, H, d, H, tr + 2 * W, stride4(first), Store{de, W});
    zero(productSource, N * H);
    zero(productTarget, N * H);
    for (long i = 0; i < E; i++) {
      addTo(productSource + sources[i] * H, d + i * H, H);
      addTo(productTarget + targets[i] * H, d + i * H, H);
    }
    addWeightGradient(first, 0, W, v, W, productSource, N, grad);
    addWeightGradient(first, W, W, v, W, productTarget, N, grad);
    multiply<false>(N, W, H, productSource, H, tr, stride4(first), Add{dv, W});
    multiply<false>(N, W, H, productTarget, H, tr + W, stride4(first), Add{dv, W});
    unproduct(first, 3 * W, productTarget, u);

    // Through the dense layers to the block's input; the skip connection adds there.
    undense(layers.denseEdge, from.denseEdge, E, blockE(k - 1), de, dE);
    undense(layers.denseNode, from.denseNode, N, blockV(k - 1), dv, dV);
    undense(layers.denseState, from.denseState, B, blockU(k - 1), du, dU);
  }

  long stride4(const Linear& l) const { return padded(l.in); }

  /** The part of a first layer that was computed per graph: d [N, out] summed over each graph's nodes. */
  void unproduct(const Linear& l, long part, const float* d, const float* u) {
    const long H = l.out;
    zero(productGraph, B * H);
    for (long n = 0; n < N; n++) addTo(productGraph + graphOfNode[n] * H, d + n * H, H);
    addWeightGradient(l, part, W, u, W, productGraph, B, grad);
    addColumnSums(productGraph, B, H, grad + l.bias);
    multiply<false>(B, W, H, productGraph, H, t.transposed + l.transposed + part, padded(l.in), Add{du, W});
  }

  void undense(const Mlp& mlp, const Layers& y, long rows, const float* x, const float* d, float* total) {
    if (mlp.count == 0) {
      addTo(total, d, rows * W);
      return;
    }
    const float* last = y.y[mlp.count - 1];
    for (long i = 0; i < rows * W; i += kLanes) store(swapA + i, load(d + i) * softplus2Gradient(load(last + i)));
    const float* before = backwardLayers(mlp, rows, y, swapA, swapB, t.transposed, grad);
    const Linear& first = mlp.layers[0];
    addWeightGradient(first, 0, first.in, x, W, before, rows, grad);
    addColumnSums(before, rows, first.out, grad + first.bias);
    multiply<false>(rows, W, first.out, before, first.out, t.transposed + first.transposed, padded(first.in), Add{total, W});
  }

  /** Encoders; returns the gradient before the first activation. */
  const float* unencodeLayers(const Mlp& mlp, const Layers& y, long rows, const float* x, long stride, const float* d) {
    const float* last = y.y[mlp.count - 1];
    for (long i = 0; i < rows * W; i += kLanes) store(swapA + i, load(d + i) * softplus2Gradient(load(last + i)));
    const float* before = backwardLayers(mlp, rows, y, swapA, swapB, t.transposed, grad);
    const Linear& first = mlp.layers[0];
    addWeightGradient(first, 0, first.in, x, stride, before, rows, grad);
    addColumnSums(before, rows, first.out, grad + first.bias);
    return before;
  }

  void unencode() {
    unencodeLayers(p.edgeEncoder, encodedEdge, E, gaussians, p.gaussians, dE);

    const long nodeStride = padded(p.nodeIn);
    const float* d = unencodeLayers(p.nodeEncoder, encodedNode, N, nodeInput, nodeStride, dV);
    const Linear& nodeFirst = p.nodeEncoder.layers[0];
    float* dx = d == swapA ? swapB : swapA;
    multiply<false>(N, nodeStride, nodeFirst.out, d, nodeFirst.out, t.transposed + nodeFirst.transposed, nodeStride,
                    Store{dx, nodeStride});
    const int tokens = p.elementEmbedding + (p.focusNode ? 1 : 0) + p.nodeFeatures;
    for (long n = 0; n < N; n++) {
      const float* from = dx + n * nodeStride;
      addRow(p.elementTable + b.elements[n0 + n] * p.elementEmbedding, from, p.elementEmbedding);
      for (int k = 0; k < p.nodeTokens; k++)
        addRow(p.tokenTable + b.nodeTokens[(n0 + n) * p.nodeTokens + k] * p.tokenEmbedding,
               from + tokens + k * p.tokenEmbedding, p.tokenEmbedding);
    }

    const long stateStride = padded(p.stateIn);
    d = unencodeLayers(p.stateEncoder, encodedState, B, stateInput, stateStride, dU);
    if (p.focusNode) return;
    const Linear& stateFirst = p.stateEncoder.layers[0];
    dx = d == swapA ? swapB : swapA;
    multiply<false>(B, stateStride, stateFirst.out, d, stateFirst.out, t.transposed + stateFirst.transposed, stateStride,
                    Store{dx, stateStride});
    for (long g = 0; g < B; g++)
      addRow(p.focusTable + focusRow(g) * p.focusEmbedding, dx + g * stateStride + p.stateSize, p.focusEmbedding);
  }

  void addRow(size_t at, const float* from, int size) {
    for (int i = 0; i < size; i++) grad[at + i] += from[i];
  }
};

size_t scratch(const Plan& plan, const Task& task, int firstGraph, int endGraph) {
  return Piece(plan, task, firstGraph, endGraph, nullptr).scratch();
}

void run(const Plan& plan, const Task& task, int firstGraph, int endGraph, float* memory, float* gradient, Sums* sums) {
  Piece(plan, task, firstGraph, endGraph, memory).run(gradient, sums);
}

/** Into the first part. */
double reduce(float* const* parts, int count, size_t from, size_t to) {
  V squares = V{};
  double total = 0;
  for (size_t i = from; i < to; i += kLanes) {
    V g = load(parts[0] + i);
    for (int k = 1; k < count; k++) g += load(parts[k] + i);
    store(parts[0] + i, g);
    squares += g * g;
    if ((i & 1023) == 0) {
      total += sum(squares);
      squares = V{};
    }
  }
  return total + sum(squares);
}

INLINE V root(V x) {
  V r;
  for (int i = 0; i < kLanes; i++) r[i] = __builtin_sqrtf(x[i]);
  return r;
}

void adam(const AdamStep& s, float* online, float* target, float* m, float* v, const float* gradient, size_t from, size_t to) {
  const float rate = s.learningRate / s.correction1;
  const float scale = 1.0f / __builtin_sqrtf(s.correction2);
  const float keep = 1.0f - s.learningRate * s.decay;
  for (size_t i = from; i < to; i += kLanes) {
    const V g = load(gradient + i) * s.clip;
    const V first = load(m + i) * s.beta1 + g * (1.0f - s.beta1);
    const V second = load(v + i) * s.beta2 + g * g * (1.0f - s.beta2);
    const V x = load(online + i) * keep - rate * first / (root(second) * scale + s.epsilon);
    store(m + i, first);
    store(v + i, second);
    store(online + i, x);
    if (s.tau > 0) store(target + i, load(target + i) + s.tau * (x - load(target + i)));
  }
}

void transpose(const float* weights, float* transposed, const Linear& l) {
  const long in = padded(l.in), out = l.out;
  const float* from = weights + l.weight;
  float* to = transposed + l.transposed;
  for (long i0 = 0; i0 < l.in; i0 += 16)
    for (long o0 = 0; o0 < out; o0 += 16) {
      const long end = i0 + 16 < l.in ? i0 + 16 : l.in;
      for (long o = o0; o < o0 + 16; o++)
        for (long i = i0; i < end; i++) to[o * in + i] = from[i * out + o];
    }
}

double seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec + 1e-9 * now.tv_nsec;
}

/** A product whose operands stay in the first-level cache: 48 x 64 x 64. */
double peak(double duration) {
  alignas(64) static float a[48 * 64], b[64 * 64], c[48 * 64];
  for (int i = 0; i < 48 * 64; i++) a[i] = c[i] = 0.001f * (i % 7);
  for (int i = 0; i < 64 * 64; i++) b[i] = 0.001f * (i % 5);
  const double start = seconds();
  double operations = 0, elapsed = 0;
  while (elapsed < duration) {
    for (int k = 0; k < 200; k++) multiply<false>(48, 64, 64, a, 64, b, 64, Store{c, 64});
    operations += 200.0 * 2 * 48 * 64 * 64;
    elapsed = seconds() - start;
  }
  return operations / elapsed;
}

}  // namespace

namespace unitcell {
#if defined(__AVX512F__)
extern const Kernels kernelsAvx512 = {"avx512", scratch, run, reduce, adam, transpose, peak};
#elif defined(__AVX2__)
extern const Kernels kernelsAvx2 = {"avx2", scratch, run, reduce, adam, transpose, peak};
#else
extern const Kernels kernelsPortable = {"portable", scratch, run, reduce, adam, transpose, peak};
#endif
}  // namespace unitcell
