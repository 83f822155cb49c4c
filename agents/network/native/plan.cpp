#include "engine.h"

namespace unitcell {

namespace {

struct Builder {
  Plan& plan;
  std::vector<TensorMap>& maps;

  size_t takePacked(size_t count) {
    const size_t at = plan.packedSize;
    plan.packedSize += (count + kPad - 1) / kPad * kPad;
    return at;
  }

  void map(int rows, int columns, size_t packed, int stride, int inPart, int outPart) {
    maps.push_back({plan.flatSize, packed, rows, columns, stride, inPart, outPart});
    plan.flatSize += (size_t)rows * columns;
  }

  size_t table(int rows, int width) {
    const size_t at = takePacked((size_t)rows * width);
    map(rows, width, at, 0, width, rows);
    return at;
  }

  static int paddedParts(int width, int part) { return width / part * padded(part); }

  /** The room of a layer whose input and output are joined of equal parts, each of which is padded. */
  Linear room(int in, int out, int inPart, int outPart) {
    Linear l;
    l.in = in == inPart ? in : paddedParts(in, inPart);
    l.out = paddedParts(out, outPart);
    l.weight = takePacked((size_t)padded(l.in) * l.out);
    l.bias = takePacked(l.out);
    l.transposed = plan.transposedSize;
    plan.transposedSize += (size_t)padded(l.in) * l.out;
    return l;
  }

  Mlp mlp(int in, int inPart, const std::vector<int>& widths) {
    Mlp m;
    for (int width : widths) {
      const Linear l = room(in, width, inPart, width);
      map(width, in, l.weight, l.out, inPart, width);
      map(width, 1, l.bias, l.out, 1, width);
      m.layers[m.count++] = l;
      in = inPart = width;
    }
    return m;
  }

  Lstm lstm(int width) {
    Lstm s;
    s.gates = room(3 * width, 4 * width, width, width);
    s.secondBias = takePacked(s.gates.out);
    const int stride = s.gates.out;
    map(4 * width, 2 * width, s.gates.weight, stride, width, width);
    map(4 * width, width, s.gates.weight + (size_t)2 * padded(width) * stride, stride, width, width);
    map(4 * width, 1, s.gates.bias, stride, 1, width);
    map(4 * width, 1, s.secondBias, stride, 1, width);
    return s;
  }
};

}  // namespace

/** The same tensors in the same order as parameterLayout of parameters.ts. */
void buildPlan(const Architecture& a, Plan& plan, std::vector<TensorMap>& maps) {
  plan.focusNode = a.focusNode;
  plan.readoutNode = a.readoutNode;
  plan.gaussians = a.gaussians;
  plan.stateSize = a.stateSize;
  plan.nodeFeatures = a.nodeFeatures;
  plan.nodeTokens = a.nodeTokens;
  plan.elementEmbedding = a.elementEmbedding;
  plan.tokenEmbedding = a.tokenEmbedding;
  plan.focusEmbedding = a.focusEmbedding;
  plan.blocks = a.blocks;
  plan.iterations = a.set2setIterations;
  plan.dropout = a.dropout;
  const int width = plan.width = a.encoderWidths.back();
  plan.w = padded(width);
  plan.nodeIn = a.elementEmbedding + (a.focusNode ? 1 : 0) + a.nodeFeatures + a.nodeTokens * a.tokenEmbedding;
  plan.stateIn = a.stateSize + (a.focusNode ? 0 : a.focusEmbedding);

  Builder add{plan, maps};
  plan.elementTable = add.table(kElements + 1, a.elementEmbedding);
  if (a.nodeTokens > 0) plan.tokenTable = add.table(kElements + 1, a.tokenEmbedding);
  if (!a.focusNode) plan.focusTable = add.table(kFocusRows, a.focusEmbedding);
  plan.edgeEncoder = add.mlp(a.gaussians, a.gaussians, a.encoderWidths);
  plan.nodeEncoder = add.mlp(plan.nodeIn, plan.nodeIn, a.encoderWidths);
  plan.stateEncoder = add.mlp(plan.stateIn, plan.stateIn, a.encoderWidths);
  for (int k = 0; k < a.blocks; k++) {
    Block& block = plan.block[k];
    if (k > 0) block.denseEdge = add.mlp(width, width, a.encoderWidths);
    block.edge = add.mlp(4 * width, width, a.convolutionWidths);
    if (k > 0) block.denseNode = add.mlp(width, width, a.encoderWidths);
    block.node = add.mlp(3 * width, width, a.convolutionWidths);
    if (k > 0) block.denseState = add.mlp(width, width, a.encoderWidths);
    block.state = add.mlp(3 * width, width, a.convolutionWidths);
  }
  if (!a.readoutNode) {
    plan.nodeSet = add.lstm(width);
    plan.edgeSet = add.lstm(width);
  }
  std::vector<int> output = a.readoutWidths;
  output.push_back(kElements);
  plan.output = add.mlp((a.readoutNode ? 2 : 5) * width, width, output);
}

void pack(const std::vector<TensorMap>& maps, const float* flat, float* packed) {
  for (const TensorMap& m : maps)
    for (int r = 0; r < m.rows; r++)
      for (int c = 0; c < m.columns; c++) packed[m.at(r, c)] = flat[m.flat + (size_t)r * m.columns + c];
}

void unpack(const std::vector<TensorMap>& maps, const float* packed, float* flat) {
  for (const TensorMap& m : maps)
    for (int r = 0; r < m.rows; r++)
      for (int c = 0; c < m.columns; c++) flat[m.flat + (size_t)r * m.columns + c] = packed[m.at(r, c)];
}

}  // namespace unitcell
