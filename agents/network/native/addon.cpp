// The engine in JavaScript. native-addon.ts declares these functions and checks what it passes; here only what could
// read or write foreign memory is checked again.
#define NAPI_VERSION 8
#include <node_api.h>
#include <stdexcept>
#include "engine.h"

namespace {

using namespace unitcell;

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void check(napi_status status) {
  if (status != napi_ok) throw Failure("an argument has another type than the addon's interface says");
}

/** The arguments of a call, taken one after the other. */
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) : env_(env) {
    size_t count = kMost;
    check(napi_get_cb_info(env, info, &count, values_, nullptr, nullptr));
    count_ = count;
  }
  Arguments(napi_env env, napi_value array) : env_(env) {
    uint32_t count = 0;
    check(napi_get_array_length(env, array, &count));
    if (count > kMost) throw Failure("too many arguments");
    count_ = count;
    for (uint32_t i = 0; i < count; i++) check(napi_get_element(env, array, i, &values_[i]));
  }

  napi_value value() {
    if (next_ >= count_) throw Failure("an argument is missing");
    return values_[next_++];
  }

  Engine& engine() {
    void* pointer = nullptr;
    check(napi_get_value_external(env_, value(), &pointer));
    auto& holder = *static_cast<std::unique_ptr<Engine>*>(pointer);
    if (!holder) throw Failure("the engine was freed");
    return *holder;
  }

  double number() {
    double x = 0;
    check(napi_get_value_double(env_, value(), &x));
    return x;
  }
  int integer() { return (int)number(); }
  bool boolean() {
    bool x = false;
    check(napi_get_value_bool(env_, value(), &x));
    return x;
  }
  std::string text() {
    char buffer[64];
    size_t length = 0;
    check(napi_get_value_string_utf8(env_, value(), buffer, sizeof buffer, &length));
    return std::string(buffer, length);
  }

  template <class T>
  struct View {
    T* data;
    size_t length;
  };
  /** A typed array of at least `least` numbers. */
  View<float> floats(size_t least) { return view<float>(napi_float32_array, least); }
  View<uint32_t> words(size_t least) { return view<uint32_t>(napi_uint32_array, least); }
  View<uint8_t> bytes(size_t least) { return view<uint8_t>(napi_uint8_array, least); }
  View<double> doubles(size_t least) { return view<double>(napi_float64_array, least); }
  View<int32_t> integers(size_t least) { return view<int32_t>(napi_int32_array, least); }

  /** Whether the next argument is null, which is then taken. */
  bool isNull() {
    napi_valuetype type;
    if (next_ >= count_) throw Failure("an argument is missing");
    check(napi_typeof(env_, values_[next_], &type));
    if (type != napi_null) return false;
    next_++;
    return true;
  }

  Batch batch(const Plan& plan) {
    Arguments fields(env_, value());
    Batch b;
    const auto nodeOffsets = fields.words(2);
    b.graphs = (int)nodeOffsets.length - 1;
    b.nodeOffsets = nodeOffsets.data;
    b.edgeOffsets = fields.words(nodeOffsets.length).data;
    b.nodes = (int)b.nodeOffsets[b.graphs];
    b.edges = (int)b.edgeOffsets[b.graphs];
    b.elements = fields.bytes(b.nodes).data;
    b.focus = fields.words(b.graphs).data;
    b.state = fields.floats((size_t)b.graphs * plan.stateSize).data;
    b.nodeFeatures = fields.floats((size_t)b.nodes * plan.nodeFeatures).data;
    b.nodeTokens = fields.bytes((size_t)b.nodes * plan.nodeTokens).data;
    b.sources = fields.words(b.edges).data;
    b.targets = fields.words(b.edges).data;
    b.distances = fields.floats(b.edges).data;
    return b;
  }

  Objective objective(const Plan& plan) {
    Objective o;
    Task& t = o.task;
    t.batch = batch(plan);
    t.actions = bytes(t.batch.graphs).data;
    if (!isNull()) t.graphWeights = floats(t.batch.graphs).data;
    t.auxiliary = (float)number();
    if (!isNull()) t.siteElements = bytes(t.batch.nodes).data;
    if (t.auxiliary != 0 && (!t.siteElements || !plan.readoutNode)) throw Failure("the auxiliary loss needs site elements");
    if (!isNull()) {
      t.drop = true;
      t.dropoutSeed = (uint32_t)(int64_t)number();
    }
    if (isNull()) return o;
    Arguments cql(env_, value());
    o.cql = true;
    o.rewards = cql.floats(t.batch.graphs).data;
    o.terminal = cql.bytes(t.batch.graphs).data;
    if (!cql.isNull()) o.next = cql.batch(plan);
    int going = 0;
    for (int g = 0; g < t.batch.graphs; g++) going += !o.terminal[g];
    if (going != o.next.graphs) throw Failure("the next states are not those of the transitions that go on");
    o.gamma = (float)cql.number();
    t.omega = (float)cql.number();
    return o;
  }

 private:
  template <class T>
  View<T> view(napi_typedarray_type wanted, size_t least) {
    napi_typedarray_type type;
    size_t length = 0;
    void* data = nullptr;
    check(napi_get_typedarray_info(env_, value(), &type, &length, &data, nullptr, nullptr));
    if (type != wanted || length < least) throw Failure("a typed array is too short or of another type");
    return {static_cast<T*>(data), length};
  }

  static constexpr size_t kMost = 16;
  napi_env env_;
  napi_value values_[kMost];
  size_t count_ = 0, next_ = 0;
};

template <napi_value (*body)(napi_env, Arguments&)>
napi_value guarded(napi_env env, napi_callback_info info) {
  try {
    Arguments arguments(env, info);
    return body(env, arguments);
  } catch (const std::bad_alloc&) {
    napi_throw_error(env, "out_of_memory", "too little memory for this batch");
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return nullptr;
}

napi_value nothing(napi_env env) {
  napi_value value;
  napi_get_undefined(env, &value);
  return value;
}

napi_value text(napi_env env, const std::string& s) {
  napi_value value;
  check(napi_create_string_utf8(env, s.c_str(), s.size(), &value));
  return value;
}

/** create(integers: Int32Array, dropout, instructionSet, threads) -> engine */
napi_value create(napi_env env, Arguments& in) {
  const auto integers = in.integers(14);
  size_t next = 0;
  const auto take = [&] {
    if (next >= integers.length) throw Failure("the architecture is cut off");
    return integers.data[next++];
  };
  Architecture a;
  a.focusNode = take() != 0;
  a.readoutNode = take() != 0;
  for (int* field : {&a.gaussians, &a.stateSize, &a.nodeFeatures, &a.nodeTokens, &a.elementEmbedding, &a.tokenEmbedding,
                     &a.focusEmbedding, &a.blocks, &a.set2setIterations})
    *field = take();
  for (std::vector<int>* widths : {&a.encoderWidths, &a.convolutionWidths, &a.readoutWidths}) {
    const int count = take();
    if (count < 0 || count >= kMaxLayers) throw Failure("too many layers");
    for (int i = 0; i < count; i++) widths->push_back(take());
  }
  if (a.blocks > kMaxBlocks || a.set2setIterations > 16) throw Failure("too many blocks or iterations");
  a.dropout = (float)in.number();
  const Kernels* kernels = chooseKernels(in.text());
  if (!kernels) throw Failure("this machine cannot run the instruction set");
  auto holder = std::make_unique<std::unique_ptr<Engine>>(std::make_unique<Engine>(a, *kernels, in.integer()));
  napi_value value;
  check(napi_create_external(
      env, holder.get(), [](napi_env, void* data, void*) { delete static_cast<std::unique_ptr<Engine>*>(data); }, nullptr,
      &value));
  holder.release();
  return value;
}

/** free(engine): at once, not when the garbage is collected. */
napi_value release(napi_env env, Arguments& in) {
  void* pointer = nullptr;
  check(napi_get_value_external(env, in.value(), &pointer));
  static_cast<std::unique_ptr<Engine>*>(pointer)->reset();
  return nothing(env);
}

/** instructionSet(wanted: '' for the best) -> the name of what would run, or '' */
napi_value instructionSet(napi_env env, Arguments& in) {
  const Kernels* kernels = chooseKernels(in.text());
  return text(env, kernels ? kernels->name : "");
}

/** size(engine) -> length of the flat arrays */
napi_value size(napi_env env, Arguments& in) {
  napi_value value;
  check(napi_create_double(env, (double)in.engine().plan().flatSize, &value));
  return value;
}

/** forward(engine, batch, target, sites, out: Float32Array) */
napi_value forward(napi_env env, Arguments& in) {
  Engine& engine = in.engine();
  const Batch batch = in.batch(engine.plan());
  const bool target = in.boolean(), sites = in.boolean();
  if (sites && !engine.plan().readoutNode) throw Failure("this network has no output at sites");
  engine.forward(batch, target, sites, in.floats((size_t)(sites ? batch.nodes : batch.graphs) * kElements).data);
  return nothing(env);
}

void report(const Losses& l, double* out) {
  const double values[] = {l.loss, l.imitation, l.temporalDifference, l.auxiliary, l.accuracy, l.meanQ, l.gradientNorm, double(l.applied)};
  std::copy(std::begin(values), std::end(values), out);
}

/** gradient(engine, losses: Float64Array(8), gradient: Float32Array, ...objective) */
napi_value gradient(napi_env env, Arguments& in) {
  Engine& engine = in.engine();
  double* losses = in.doubles(8).data;
  float* flat = in.floats(engine.plan().flatSize).data;
  Objective objective = in.objective(engine.plan());
  report(engine.gradient(objective, flat), losses);
  return nothing(env);
}

/** step(engine, losses: Float64Array(8), update: Float64Array(7), ...objective) */
napi_value step(napi_env env, Arguments& in) {
  Engine& engine = in.engine();
  double* losses = in.doubles(8).data;
  const double* u = in.doubles(7).data;
  Objective objective = in.objective(engine.plan());
  report(engine.step(objective, {u[0], u[1], u[2], u[3], u[4], u[5], u[6]}), losses);
  return nothing(env);
}

/** get(engine, which: 0 online, 1 target, 2 first moment, 3 second moment, out: Float32Array) */
napi_value get(napi_env env, Arguments& in) {
  Engine& engine = in.engine();
  const int which = in.integer() & 3;
  engine.get((Engine::Which)which, in.floats(engine.plan().flatSize).data);
  return nothing(env);
}

/** set(engine, which, values: Float32Array) */
napi_value set(napi_env env, Arguments& in) {
  Engine& engine = in.engine();
  const int which = in.integer() & 3;
  engine.set((Engine::Which)which, in.floats(engine.plan().flatSize).data);
  return nothing(env);
}

/** steps(engine, to: number, -1 to leave it) -> steps made before */
napi_value steps(napi_env env, Arguments& in) {
  Engine& engine = in.engine();
  napi_value value;
  check(napi_create_double(env, engine.steps, &value));
  const double to = in.number();
  if (to >= 0) engine.steps = to;
  return value;
}

/** peak(instructionSet, seconds) -> floating point operations per second of the matrix kernel on one core */
napi_value peak(napi_env env, Arguments& in) {
  const Kernels* kernels = chooseKernels(in.text());
  if (!kernels) throw Failure("this machine cannot run the instruction set");
  napi_value value;
  check(napi_create_double(env, kernels->peak(in.number()), &value));
  return value;
}

napi_value start(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
#define FUNCTION(name, body) {name, nullptr, guarded<body>, nullptr, nullptr, nullptr, napi_enumerable, nullptr}
      FUNCTION("create", create),     FUNCTION("free", release), FUNCTION("instructionSet", instructionSet),
      FUNCTION("size", size),         FUNCTION("forward", forward), FUNCTION("gradient", gradient),
      FUNCTION("step", step),         FUNCTION("get", get),      FUNCTION("set", set),
      FUNCTION("steps", steps),       FUNCTION("peak", peak),
#undef FUNCTION
  };
  napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions);
  return exports;
}

}  // namespace

NAPI_MODULE(unitcell, start)
