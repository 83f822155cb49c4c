// Products of small row-major matrices, C = A B with an epilogue on every finished vector of C while it is in a register.
// N and the stride of B are multiples of kPad.
#pragma once
#include "vector.h"

namespace {

struct Store {
  float* c;
  long stride;
  INLINE void operator()(long i, long j, V acc) const { store(c + i * stride + j, acc); }
};
struct Add {
  float* c;
  long stride;
  INLINE void operator()(long i, long j, V acc) const {
    float* p = c + i * stride + j;
    store(p, load(p) + acc);
  }
};
struct Bias {
  float* c;
  long stride;
  const float* bias;
  INLINE void operator()(long i, long j, V acc) const { store(c + i * stride + j, acc + load(bias + j)); }
};
struct BiasActivate {
  float* c;
  long stride;
  const float* bias;
  INLINE void operator()(long i, long j, V acc) const { store(c + i * stride + j, softplus2(acc + load(bias + j))); }
};
/** c = softplus2(c + acc + bias) */
struct AddBiasActivate {
  float* c;
  long stride;
  const float* bias;
  INLINE void operator()(long i, long j, V acc) const {
    float* p = c + i * stride + j;
    store(p, softplus2(load(p) + acc + load(bias + j)));
  }
};
/** c = acc + rows[index[i]] */
struct Gather {
  float* c;
  long stride;
  const float* rows;
  const uint32_t* index;
  INLINE void operator()(long i, long j, V acc) const {
    store(c + i * stride + j, acc + load(rows + index[i] * stride + j));
  }
};
struct GatherActivate {
  float* c;
  long stride;
  const float* rows;
  const uint32_t* index;
  INLINE void operator()(long i, long j, V acc) const {
    store(c + i * stride + j, softplus2(acc + load(rows + index[i] * stride + j)));
  }
};
struct AddGatherActivate {
  float* c;
  long stride;
  const float* rows;
  const uint32_t* index;
  INLINE void operator()(long i, long j, V acc) const {
    float* p = c + i * stride + j;
    store(p, softplus2(load(p) + acc + load(rows + index[i] * stride + j)));
  }
};
/** c = softplus2(acc + first[a[i]] + second[b[i]]): an edge takes the products of its two nodes. */
struct GatherTwoActivate {
  float* c;
  long stride;
  const float* first;
  const uint32_t* a;
  const float* second;
  const uint32_t* b;
  INLINE void operator()(long i, long j, V acc) const {
    const V sum = acc + load(first + a[i] * stride + j) + load(second + b[i] * stride + j);
    store(c + i * stride + j, softplus2(sum));
  }
};
/** c = acc * softplus2'(y): the gradient before the activation whose output was y. */
struct Gradient {
  float* c;
  long stride;
  const float* y;
  INLINE void operator()(long i, long j, V acc) const {
    const long at = i * stride + j;
    store(c + at, acc * softplus2Gradient(load(y + at)));
  }
};

template <int MR, int NR, bool kTransposed, class Epilogue>
__attribute__((noinline)) void tile(long K, const float* a, long strideA, const float* b, long strideB, long i, long j,
                                    const Epilogue& epilogue) {
  V acc[MR][NR];
#pragma GCC unroll 16
  for (int r = 0; r < MR; r++)
#pragma GCC unroll 8
    for (int c = 0; c < NR; c++) acc[r][c] = V{};
  for (long p = 0; p < K; p++) {
    V row[NR];
#pragma GCC unroll 8
    for (int c = 0; c < NR; c++) row[c] = load(b + c * kLanes);
    b += strideB;
#pragma GCC unroll 16
    for (int r = 0; r < MR; r++) {
      const V x = splat(kTransposed ? a[r] : a[r * strideA]);
#pragma GCC unroll 8
      for (int c = 0; c < NR; c++) acc[r][c] += x * row[c];
    }
    a += kTransposed ? strideA : 1;
  }
#pragma GCC unroll 16
  for (int r = 0; r < MR; r++)
#pragma GCC unroll 8
    for (int c = 0; c < NR; c++) epilogue(i + r, j + c * kLanes, acc[r][c]);
}

/** Rows of a tile for a number of vectors: as many as leave registers for the operands. */
constexpr int tileRows(int vectors) {
#if defined(__AVX512F__)
  return vectors == 4 ? 6 : 12;
#elif defined(__AVX2__)
  return vectors == 2 ? 6 : 8;
#else
  return vectors == 2 ? 4 : 6;
#endif
}

template <int NR, bool kTransposed, class Epilogue>
void panel(long M, long K, const float* a, long strideA, const float* b, long strideB, long j, const Epilogue& epilogue) {
  constexpr int MR = tileRows(NR);
  const long step = kTransposed ? 1 : strideA;
  long i = 0;
  for (; i + MR <= M; i += MR) tile<MR, NR, kTransposed>(K, a + i * step, strideA, b, strideB, i, j, epilogue);
  if constexpr (MR > 4)
    for (; i + 4 <= M; i += 4) tile<4, NR, kTransposed>(K, a + i * step, strideA, b, strideB, i, j, epilogue);
  for (; i + 2 <= M; i += 2) tile<2, NR, kTransposed>(K, a + i * step, strideA, b, strideB, i, j, epilogue);
  if (i < M) tile<1, NR, kTransposed>(K, a + i * step, strideA, b, strideB, i, j, epilogue);
}

/** C [M, N] = A [M, K] B [K, N], or with `kTransposed` A^T B where A is [K, M]. */
template <bool kTransposed, class Epilogue>
void multiply(long M, long N, long K, const float* a, long strideA, const float* b, long strideB, const Epilogue& epilogue) {
  long j = 0;
#if defined(__AVX512F__)
  for (; j + 4 * kLanes <= N; j += 4 * kLanes) panel<4, kTransposed>(M, K, a, strideA, b + j, strideB, j, epilogue);
#endif
  for (; j + 2 * kLanes <= N; j += 2 * kLanes) panel<2, kTransposed>(M, K, a, strideA, b + j, strideB, j, epilogue);
#if defined(__AVX512F__)
  if (j < N) panel<1, kTransposed>(M, K, a, strideA, b + j, strideB, j, epilogue);
#endif
}

}  // namespace
