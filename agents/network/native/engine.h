// A network with its training state: what addon.cpp puts into JavaScript's hands.
#pragma once
#include <memory>
#include <new>
#include <string>
#include <vector>
#include "plan.h"
#include "pool.h"

namespace unitcell {

struct Architecture {
  bool focusNode, readoutNode;
  int gaussians, stateSize, nodeFeatures, nodeTokens, elementEmbedding, tokenEmbedding, focusEmbedding, blocks,
      set2setIterations;
  float dropout;
  std::vector<int> encoderWidths, convolutionWidths, readoutWidths;
};

void buildPlan(const Architecture&, Plan&, std::vector<TensorMap>&);
void pack(const std::vector<TensorMap>&, const float* flat, float* packed);
void unpack(const std::vector<TensorMap>&, const float* packed, float* flat);

/** The best table this machine can run, or the named one; null when it cannot run that. */
const Kernels* chooseKernels(const std::string& name);

/** Floats on a cache line's boundary, zero at first. */
class Floats {
 public:
  Floats() = default;
  explicit Floats(size_t count) { resize(count); }
  Floats(Floats&&) = default;
  Floats& operator=(Floats&&) = default;

  void resize(size_t count) {
    data_.reset(static_cast<float*>(::operator new(count * sizeof(float) + 64, std::align_val_t(64))));
    size_ = count;
    clear();
  }
  void clear() { std::fill(data_.get(), data_.get() + size_, 0.0f); }
  float* get() { return data_.get(); }
  const float* get() const { return data_.get(); }
  size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(float* p) const { ::operator delete(p, std::align_val_t(64)); }
  };
  std::unique_ptr<float[], Free> data_;
  size_t size_ = 0;
};

struct Objective {
  Task task;
  bool cql = false;
  const float* rewards = nullptr;
  const uint8_t* terminal = nullptr;
  Batch next;
  float gamma = 0;
};

struct Losses {
  double loss, imitation, temporalDifference, auxiliary, accuracy, meanQ, gradientNorm;
  bool applied;
};

struct Update {
  double learningRate, clipNorm, tau, weightDecay, beta1, beta2, epsilon;
};

class Engine {
 public:
  Engine(const Architecture&, const Kernels&, int threads);

  const Plan& plan() const { return plan_; }
  void forward(const Batch&, bool target, bool sites, float* outputs);
  Losses gradient(Objective&, float* flat);
  Losses step(Objective&, const Update&);

  enum Which { kOnline, kTarget, kFirstMoment, kSecondMoment };
  void get(Which, float* flat) const;
  void set(Which, const float* flat);
  double steps = 0;

 private:
  Losses accumulate(Objective&);
  void runTask(Task&, int groups, Sums*);
  void refreshTransposed();
  Floats& array(Which which) { return arrays_[which]; }

  Plan plan_;
  std::vector<TensorMap> maps_;
  std::vector<Linear> linears_;
  const Kernels& kernels_;
  Pool pool_;
  Floats arrays_[4];
  Floats transposed_;
  bool transposedIsCurrent_ = false;
  std::vector<Floats> gradients_, scratch_;
  std::vector<float> returns_, nextQ_;
};

}  // namespace unitcell
