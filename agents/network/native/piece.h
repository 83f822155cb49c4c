// One piece of a batch, a few graphs, through the whole network and back. All it touches stays in the core's cache.
// Shapes: E edges, N nodes, B graphs of the piece; W the padded width of the blocks.
#pragma once
#include "matrix.h"
#include "plan.h"

namespace {

using namespace unitcell;

/** Hands out memory; with `base` null it only counts. */
struct Arena {
  float* base;
  size_t used = 0;

  float* floats(size_t count) {
    float* at = base ? base + used : nullptr;
    used += (count + kPad - 1) / kPad * kPad;
    return at;
  }
  uint32_t* integers(size_t count) { return reinterpret_cast<uint32_t*>(floats(count)); }
};

/** Outputs of the layers of an MLP. */
struct Layers {
  float* y[kMaxLayers] = {};

  void take(Arena& arena, const Mlp& mlp, size_t rows) {
    for (int i = 0; i < mlp.count; i++) y[i] = arena.floats(rows * mlp.layers[i].out);
  }
};

INLINE void zero(float* p, size_t count) { std::memset(p, 0, count * sizeof(float)); }
INLINE void addTo(float* y, const float* x, long count) {
  for (long i = 0; i < count; i += kLanes) store(y + i, load(y + i) + load(x + i));
}

/** Layers `from` .. of an MLP; layer 0 reads x. All are activated, but not the last one of a linear head. */
inline void forwardLayers(const Mlp& mlp, int from, long rows, const float* x, long stride, const float* weights,
                          Layers& out, bool linearEnd = false) {
  for (int i = from; i < mlp.count; i++) {
    const Linear& l = mlp.layers[i];
    const float* in = i ? out.y[i - 1] : x;
    const long in_stride = i ? mlp.layers[i - 1].out : stride;
    const float* bias = weights + l.bias;
    if (linearEnd && i + 1 == mlp.count) {
      multiply<false>(rows, l.out, l.in, in, in_stride, weights + l.weight, l.out, Bias{out.y[i], l.out, bias});
    } else {
      multiply<false>(rows, l.out, l.in, in, in_stride, weights + l.weight, l.out, BiasActivate{out.y[i], l.out, bias});
    }
  }
}

inline void addColumnSums(const float* d, long rows, long columns, float* sums) {
  for (long j = 0; j < columns; j += kLanes) {
    V a = V{}, b = V{};
    long i = 0;
    for (; i + 1 < rows; i += 2) {
      a += load(d + i * columns + j);
      b += load(d + (i + 1) * columns + j);
    }
    if (i < rows) a += load(d + i * columns + j);
    store(sums + j, load(sums + j) + (a + b));
  }
}

/** gradient of W rows [part, part + in) of a linear layer += x^T d. */
inline void addWeightGradient(const Linear& l, long part, long in, const float* x, long stride, const float* d, long rows,
                              float* gradient) {
  multiply<true>(in, l.out, rows, x, stride, d, l.out, Add{gradient + l.weight + part * l.out, l.out});
}

/**
 * From d, the gradient before the last activation, to the one before the first; weight gradients of layers 1 .. on the
 * way.
 */
inline float* backwardLayers(const Mlp& mlp, long rows, const Layers& y, float* d, float* spare, const float* transposed,
                             float* gradient) {
  for (int i = mlp.count - 1; i > 0; i--) {
    const Linear& l = mlp.layers[i];
    const long in = mlp.layers[i - 1].out;
    addWeightGradient(l, 0, l.in, y.y[i - 1], in, d, rows, gradient);
    addColumnSums(d, rows, l.out, gradient + l.bias);
    multiply<false>(rows, in, l.out, d, l.out, transposed + l.transposed, padded(l.in), Gradient{spare, in, y.y[i - 1]});
    float* const used = d;
    d = spare;
    spare = used;
  }
  return d;
}

/** Set2Set over the items (nodes or edges) of every graph, and what its gradient needs. */
struct SetPool {
  static constexpr int kMaxIterations = 16;
  float *gates[kMaxIterations], *cell[kMaxIterations], *q[kMaxIterations], *r[kMaxIterations], *alpha[kMaxIterations];
  float *input, *dGates, *dInput, *dCell;

  void take(Arena& arena, const Plan& p, size_t graphs, size_t items, bool train) {
    const size_t w = p.w;
    for (int t = 0; t < p.iterations; t++) {
      gates[t] = arena.floats(graphs * 4 * w);
      cell[t] = arena.floats(graphs * w);
      q[t] = arena.floats(graphs * w);
      r[t] = arena.floats(graphs * w);
      alpha[t] = arena.floats(items);
    }
    input = arena.floats(graphs * 3 * w);
    if (!train) return;
    dGates = arena.floats(graphs * 4 * w);
    dInput = arena.floats(graphs * 3 * w);
    dCell = arena.floats(graphs * w);
  }

  /** input = [q, r, h] of the iteration before t; h is q. */
  void join(int t, long graphs, long w) {
    for (long g = 0; g < graphs; g++) {
      float* to = input + g * 3 * w;
      std::memcpy(to, q[t - 1] + g * w, w * sizeof(float));
      std::memcpy(to + w, r[t - 1] + g * w, w * sizeof(float));
      std::memcpy(to + 2 * w, q[t - 1] + g * w, w * sizeof(float));
    }
  }

  void forward(const Plan& p, const Lstm& lstm, long graphs, const uint32_t* offsets, const float* x, const float* weights) {
    const long w = p.w;
    const Linear& l = lstm.gates;
    for (int t = 0; t < p.iterations; t++) {
      // Before the first iteration all is zero, so the gates are the biases.
      for (long g = 0; g < graphs; g++) {
        for (long j = 0; j < 4 * w; j += kLanes) {
          store(gates[t] + g * 4 * w + j, load(weights + l.bias + j) + load(weights + lstm.secondBias + j));
        }
      }
      if (t > 0) {
        join(t, graphs, w);
        multiply<false>(graphs, l.out, l.in, input, 3 * w, weights + l.weight, l.out, Add{gates[t], l.out});
      }
      for (long g = 0; g < graphs; g++) {
        float* gate = gates[t] + g * 4 * w;
        for (long j = 0; j < w; j += kLanes) {
          const V in = logistic(load(gate + j)), forget = logistic(load(gate + w + j));
          const V candidate = hyperbolicTangent(load(gate + 2 * w + j)), out = logistic(load(gate + 3 * w + j));
          const V before = t > 0 ? load(cell[t - 1] + g * w + j) : V{};
          const V c = forget * before + in * candidate;
          store(gate + j, in);
          store(gate + w + j, forget);
          store(gate + 2 * w + j, candidate);
          store(gate + 3 * w + j, out);
          store(cell[t] + g * w + j, c);
          store(q[t] + g * w + j, out * hyperbolicTangent(c));
        }
        // Columns of padding: the candidate is 0 there (tanh 0), so cell and q stay 0.
        attend(t, g, w, offsets[g], offsets[g + 1], x);
      }
    }
  }

  void attend(int t, long g, long w, long first, long end, const float* x) {
    const float* query = q[t] + g * w;
    float* pooled = r[t] + g * w;
    float* a = alpha[t];
    zero(pooled, w);
    if (first == end) return;
    float largest = -3e38f;
    for (long m = first; m < end; m++) {
      V dot = V{};
      for (long j = 0; j < w; j += kLanes) dot += load(x + m * w + j) * load(query + j);
      a[m] = sum(dot);
      if (a[m] > largest) largest = a[m];
    }
    float total = 0;
    for (long m = first; m < end; m++) {
      a[m] = exponential(splat(a[m] - largest))[0];
      total += a[m];
    }
    for (long m = first; m < end; m++) {
      a[m] /= total;
      for (long j = 0; j < w; j += kLanes) store(pooled + j, load(pooled + j) + a[m] * load(x + m * w + j));
    }
  }

  /** dq and dr [B, W] of the last iteration are used up; dx is added to. */
  void backward(const Plan& p, const Lstm& lstm, long graphs, const uint32_t* offsets, const float* x, float* dq, float* dr,
                float* dx, const float* transposed, float* gradient) {
    const long w = p.w;
    const Linear& l = lstm.gates;
    zero(dCell, graphs * w);
    for (int t = p.iterations - 1; t >= 0; t--) {
      for (long g = 0; g < graphs; g++) {
        unattend(t, g, w, offsets[g], offsets[g + 1], x, dq + g * w, dr + g * w, dx);
        const float* gate = gates[t] + g * 4 * w;
        float* d = dGates + g * 4 * w;
        for (long j = 0; j < w; j += kLanes) {
          const V in = load(gate + j), forget = load(gate + w + j), candidate = load(gate + 2 * w + j);
          const V out = load(gate + 3 * w + j), c = hyperbolicTangent(load(cell[t] + g * w + j));
          const V before = t > 0 ? load(cell[t - 1] + g * w + j) : V{};
          const V dh = load(dq + g * w + j);
          const V dc = load(dCell + g * w + j) + dh * out * (1.0f - c * c);
          store(d + j, dc * candidate * in * (1.0f - in));
          store(d + w + j, dc * before * forget * (1.0f - forget));
          store(d + 2 * w + j, dc * in * (1.0f - candidate * candidate));
          store(d + 3 * w + j, dh * c * out * (1.0f - out));
          store(dCell + g * w + j, dc * forget);
        }
      }
      addColumnSums(dGates, graphs, 4 * w, gradient + l.bias);
      addColumnSums(dGates, graphs, 4 * w, gradient + lstm.secondBias);
      if (t == 0) break;
      join(t, graphs, w);
      addWeightGradient(l, 0, l.in, input, 3 * w, dGates, graphs, gradient);
      multiply<false>(graphs, 3 * w, 4 * w, dGates, 4 * w, transposed + l.transposed, padded(l.in), Store{dInput, 3 * w});
      for (long g = 0; g < graphs; g++) {
        const float* d = dInput + g * 3 * w;
        for (long j = 0; j < w; j += kLanes) {
          store(dq + g * w + j, load(d + j) + load(d + 2 * w + j));
          store(dr + g * w + j, load(d + w + j));
        }
      }
    }
  }

  void unattend(int t, long g, long w, long first, long end, const float* x, float* dq, const float* dr, float* dx) {
    const float* query = q[t] + g * w;
    const float* pooled = r[t] + g * w;
    const float* a = alpha[t];
    // sum_m alpha_m (x_m . dr) = r . dr
    V mean = V{};
    for (long j = 0; j < w; j += kLanes) mean += load(pooled + j) * load(dr + j);
    const float expected = sum(mean);
    for (long m = first; m < end; m++) {
      const float* item = x + m * w;
      float* to = dx + m * w;
      V dot = V{};
      for (long j = 0; j < w; j += kLanes) dot += load(item + j) * load(dr + j);
      const float dScore = a[m] * (sum(dot) - expected);
      for (long j = 0; j < w; j += kLanes) {
        store(to + j, load(to + j) + a[m] * load(dr + j) + dScore * load(query + j));
        store(dq + j, load(dq + j) + dScore * load(item + j));
      }
    }
  }
};

}  // namespace
