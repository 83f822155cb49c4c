// Vectors of floats in the widest registers this file is compiled for, and the functions of the activations.
// Everything is in an anonymous namespace: the same names are compiled for several instruction sets, and the linker must
// never take one for another.
#pragma once
#include <cstdint>
#include <cstring>

namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float V __attribute__((vector_size(kLanes * 4)));
typedef int32_t VI __attribute__((vector_size(kLanes * 4)));
typedef uint32_t VU __attribute__((vector_size(kLanes * 4)));

#define INLINE inline __attribute__((always_inline))

INLINE V load(const float* p) {
  V v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
INLINE void store(float* p, V v) { std::memcpy(p, &v, sizeof v); }
INLINE V splat(float x) { return x - V{}; }
INLINE V select(VI mask, V a, V b) { return mask ? a : b; }
INLINE V maximum(V a, V b) { return a > b ? a : b; }
INLINE V minimum(V a, V b) { return a < b ? a : b; }
INLINE V absolute(V x) { return (V)((VI)x & 0x7fffffff); }

INLINE float sum(V v) {
  float total = 0;
  for (int i = 0; i < kLanes; i++) total += v[i];
  return total;
}

/** e^x to 1.2e-7 relative; x is limited to +-87. A NaN stays one. */
INLINE V exponential(V x) {
  x = select(x < -87.0f, splat(-87.0f), x);
  x = select(x > 87.0f, splat(87.0f), x);
  // 1.5 * 2^23 rounds to an integer, which then stands in the low bits.
  const V shifted = x * 1.44269504f + 12582912.0f;
  const V n = shifted - 12582912.0f;
  const V r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  V p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  return (V)((VI)p + ((VI)shifted << 23));
}

/**
 * softplus(x) - ln 2 = max(x, 0) + ln((1 + e^-|x|) / 2). With s = (1 - e^-|x|) / 2 the logarithm is -s R(s), R a
 * polynomial on [0, 1/2] (Chebyshev fit, 2.6e-8): exact at 0, where padding stays padding, and nowhere is a difference
 * of near numbers taken.
 */
INLINE V softplus2(V x) {
  const V s = 0.5f - 0.5f * exponential(-absolute(x));
  V p = splat(1.407956708791769f);
  p = p * s - 1.6302117015131643f;
  p = p * s + 1.2050139048337263f;
  p = p * s - 0.18157165102052697f;
  p = p * s + 0.2645475845306968f;
  p = p * s + 0.24343744002013395f;
  p = p * s + 0.33366199176078876f;
  p = p * s + 0.49999374677290365f;
  p = p * s + 1.0000000193555452f;
  return maximum(x, V{}) - s * p;
}

/** d softplus2 / dx from y = softplus2(x): the logistic function, 1 - e^-(y + ln 2). */
INLINE V softplus2Gradient(V y) { return 1.0f - 0.5f * exponential(-y); }

INLINE V logistic(V x) { return 1.0f / (1.0f + exponential(-x)); }
INLINE V hyperbolicTangent(V x) { return 2.0f / (1.0f + exponential(-2.0f * x)) - 1.0f; }

inline uint32_t mix(uint32_t h) {
  h ^= h >> 16;
  h *= 0x85ebca6bu;
  h ^= h >> 13;
  h *= 0xc2b2ae35u;
  return h ^ (h >> 16);
}

/** The mask of dropout.ts. */
struct Dropout {
  bool on = false;
  uint32_t seed = 0, threshold = 0;
  float kept = 1;

  uint32_t key(int place) const { return mix(mix(seed) ^ ((uint32_t)(place + 1) * 0x9e3779b1u)); }
  /** Factors of the entries `first` .. `first` + lanes - 1. */
  INLINE V factors(uint32_t key, uint32_t first) const {
    VU h;
    for (int i = 0; i < kLanes; i++) h[i] = i;
    h = h + (first + key);
    h = h ^ (h >> 16);
    h = h * 0x85ebca6bu;
    h = h ^ (h >> 13);
    h = h * 0xc2b2ae35u;
    h = h ^ (h >> 16);
    return select((VI)(h < threshold), V{}, splat(kept));
  }
};

}  // namespace
