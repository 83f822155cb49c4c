#include "engine.h"
#include <algorithm>
#include <cmath>

namespace unitcell {

namespace {

/**
 * A step's graphs are dealt into groups, each with a gradient of its own; the groups are added in their order. Their
 * number depends on the batch alone, so the result does not depend on the number of threads.
 */
constexpr int kGroups = 8;
constexpr int kLeastGraphsPerGroup = 8;
/** A piece's activations should fit the second-level cache beside the weights. */
constexpr uint32_t kEdgesPerPiece = 256;
/** What one thread takes of the flat arrays at a time; fixes the order in which the norm is summed. */
constexpr size_t kSlice = 1 << 14;

/** Where a range of graphs is cut so that parts have about the same number of edges and nodes. */
std::vector<int> evenCuts(const Batch& b, int parts) {
  const double total = b.edges + b.nodes;
  std::vector<int> cuts{0};
  for (int part = 1; part < parts; part++) {
    int g = cuts.back();
    while (g < b.graphs && b.edgeOffsets[g] + b.nodeOffsets[g] < total * part / parts) g++;
    cuts.push_back(g);
  }
  cuts.push_back(b.graphs);
  return cuts;
}

/** The end of the piece that begins at a graph: as many as make up the edges of a piece, at least one. */
int pieceEnd(const Batch& b, int first, int end) {
  int g = first + 1;
  while (g < end && b.edgeOffsets[g + 1] - b.edgeOffsets[first] <= kEdgesPerPiece &&
         b.nodeOffsets[g + 1] - b.nodeOffsets[first] <= kEdgesPerPiece)
    g++;
  return g;
}

bool cpuHas(const std::string& name) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (name == "avx512") {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl");
  }
  if (name == "avx2") return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  return name == "portable";
}

}  // namespace

const Kernels* chooseKernels(const std::string& name) {
  const Kernels* const known[] = {
#if defined(__x86_64__)
      &kernelsAvx512, &kernelsAvx2,
#endif
      &kernelsPortable};
  for (const Kernels* kernels : known)
    if ((name.empty() || name == kernels->name) && cpuHas(kernels->name)) return kernels;
  return nullptr;
}

Engine::Engine(const Architecture& architecture, const Kernels& kernels, int threads) : kernels_(kernels), pool_(threads) {
  buildPlan(architecture, plan_, maps_);
  const auto add = [this](const Mlp& mlp) { linears_.insert(linears_.end(), mlp.layers, mlp.layers + mlp.count); };
  for (const Mlp* mlp : {&plan_.edgeEncoder, &plan_.nodeEncoder, &plan_.stateEncoder, &plan_.output}) add(*mlp);
  for (int k = 0; k < plan_.blocks; k++) {
    const Block& block = plan_.block[k];
    for (const Mlp* mlp : {&block.denseEdge, &block.denseNode, &block.denseState, &block.edge, &block.node, &block.state})
      add(*mlp);
  }
  if (!plan_.readoutNode) {
    linears_.push_back(plan_.nodeSet.gates);
    linears_.push_back(plan_.edgeSet.gates);
  }
  for (Floats& array : arrays_) array.resize(plan_.packedSize);
  transposed_.resize(plan_.transposedSize);
  scratch_.resize(pool_.size());
}

void Engine::get(Which which, float* flat) const { unpack(maps_, arrays_[which].get(), flat); }

void Engine::set(Which which, const float* flat) {
  pack(maps_, flat, arrays_[which].get());
  if (which == kOnline) transposedIsCurrent_ = false;
}

/** All graphs of the task, in groups; with `sums`, their losses and gradients per group. */
void Engine::runTask(Task& task, int groups, Sums* sums) {
  const std::vector<int> cuts = evenCuts(task.batch, groups);
  pool_.run(groups, [&](int group, int thread) {
    float* gradient = nullptr;
    if (sums) {
      gradients_[group].clear();
      gradient = gradients_[group].get();
    }
    for (int first = cuts[group]; first < cuts[group + 1];) {
      const int end = pieceEnd(task.batch, first, cuts[group + 1]);
      const size_t need = kernels_.scratch(plan_, task, first, end);
      Floats& memory = scratch_[thread];
      if (memory.size() < need) memory.resize(need + need / 4);
      kernels_.run(plan_, task, first, end, memory.get(), gradient, sums ? sums + group : nullptr);
      first = end;
    }
  });
}

void Engine::forward(const Batch& batch, bool target, bool sites, float* outputs) {
  Task task;
  task.batch = batch;
  task.weights = array(target ? kTarget : kOnline).get();
  task.outputs = outputs;
  task.sites = sites;
  runTask(task, std::min(batch.graphs, 4 * pool_.size()), nullptr);
}

void Engine::refreshTransposed() {
  if (transposedIsCurrent_) return;
  pool_.run((int)linears_.size(), [&](int i, int) {
    kernels_.transpose(array(kOnline).get(), transposed_.get(), linears_[i]);
  });
  transposedIsCurrent_ = true;
}

/** Losses, and the gradient and its norm in gradients_[0]. */
Losses Engine::accumulate(Objective& o) {
  Task& task = o.task;
  const int graphs = task.batch.graphs;
  if (o.cql) {
    returns_.assign(o.rewards, o.rewards + graphs);
    if (o.next.graphs > 0) {
      nextQ_.resize((size_t)o.next.graphs * kElements);
      forward(o.next, true, false, nextQ_.data());
      int at = 0;
      for (int g = 0; g < graphs; g++) {
        if (o.terminal[g]) continue;
        const float* q = nextQ_.data() + (size_t)at++ * kElements;
        float largest = q[0];
        // A NaN must not be passed over: it has to reach the loss.
        for (int k = 1; k < kElements; k++)
          if (!(q[k] <= largest)) largest = q[k];
        returns_[g] += o.gamma * largest;
      }
    }
    task.returns = returns_.data();
  }
  if (task.auxiliary != 0) {
    long count = 0;
    for (int n = 0; n < task.batch.nodes; n++)
      count += task.batch.elements[n] == kUnfilled && task.siteElements[n] < kElements;
    for (int g = 0; g < graphs; g++) {
      const uint32_t n = task.batch.nodeOffsets[g] + task.batch.focus[g];
      count -= task.batch.elements[n] == kUnfilled && task.siteElements[n] < kElements;
    }
    task.auxiliaryCount = count;
  }
  refreshTransposed();
  task.weights = array(kOnline).get();
  task.transposed = transposed_.get();
  const int groups = std::clamp(graphs / kLeastGraphsPerGroup, 1, kGroups);
  while ((int)gradients_.size() < groups) gradients_.emplace_back(plan_.packedSize);
  Sums sums[kGroups];
  runTask(task, groups, sums);

  float* parts[kGroups];
  for (int k = 0; k < groups; k++) parts[k] = gradients_[k].get();
  const int slices = (int)((plan_.packedSize + kSlice - 1) / kSlice);
  std::vector<double> squares(slices);
  pool_.run(slices, [&](int i, int) {
    const size_t from = i * kSlice;
    squares[i] = kernels_.reduce(parts, groups, from, std::min(from + kSlice, plan_.packedSize));
  });

  Sums total;
  for (int k = 0; k < groups; k++) {
    total.imitation += sums[k].imitation;
    total.temporalDifference += sums[k].temporalDifference;
    total.auxiliary += sums[k].auxiliary;
    total.correct += sums[k].correct;
    total.q += sums[k].q;
  }
  Losses l{};
  l.imitation = total.imitation / graphs;
  l.temporalDifference = total.temporalDifference / graphs;
  l.auxiliary = task.auxiliaryCount > 0 ? total.auxiliary / task.auxiliaryCount : 0;
  l.accuracy = total.correct / graphs;
  l.meanQ = total.q / graphs;
  l.loss = (o.cql ? task.omega : 1.0f) * l.imitation + l.temporalDifference + task.auxiliary * l.auxiliary;
  double norm = 0;
  for (double s : squares) norm += s;
  l.gradientNorm = std::sqrt(norm);
  return l;
}

Losses Engine::gradient(Objective& o, float* flat) {
  const Losses losses = accumulate(o);
  unpack(maps_, gradients_[0].get(), flat);
  return losses;
}

Losses Engine::step(Objective& o, const Update& u) {
  Losses losses = accumulate(o);
  if (!std::isfinite(losses.loss) || !std::isfinite(losses.gradientNorm)) return losses;
  steps += 1;
  AdamStep s;
  s.learningRate = (float)u.learningRate;
  s.beta1 = (float)u.beta1;
  s.beta2 = (float)u.beta2;
  s.epsilon = (float)u.epsilon;
  s.decay = (float)u.weightDecay;
  s.tau = (float)u.tau;
  s.clip = (float)std::min(1.0, u.clipNorm / (losses.gradientNorm + 1e-6));
  s.correction1 = (float)(1 - std::pow(u.beta1, steps));
  s.correction2 = (float)(1 - std::pow(u.beta2, steps));
  const int slices = (int)((plan_.packedSize + kSlice - 1) / kSlice);
  pool_.run(slices, [&](int i, int) {
    const size_t from = i * kSlice;
    kernels_.adam(s, array(kOnline).get(), array(kTarget).get(), array(kFirstMoment).get(), array(kSecondMoment).get(),
                  gradients_[0].get(), from, std::min(from + kSlice, plan_.packedSize));
  });
  transposedIsCurrent_ = false;
  losses.applied = true;
  return losses;
}

}  // namespace unitcell
