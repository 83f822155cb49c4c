"""One CQL or cloning step of the paper's network in eager PyTorch: the peer of `npm run bench -- training`.

    python3 training_torch.py FOLDER THREADS

FOLDER holds arrays.json (name -> {dtype, shape, offset}) and arrays.bin, written by training.bench.mjs: the parameters by
their names, and per batch size the arrays of a batch, of its next states, and what the losses need. Reads lines
"cql 256" or "cloning 256" from standard input, makes one step, and answers a line of JSON: seconds (wall), cpu_seconds,
loss, gradient_norm.
"""

import json
import math
import mmap
import os
import sys
import time

folder, threads = sys.argv[1], int(sys.argv[2])
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(threads)

import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

torch.set_num_threads(threads)

RHO, GAMMA, OMEGA, TAU, RATE, CLIP = 2.0, 0.99, 5.0, 0.005, 3e-4, 5.0


class Softplus2(nn.Module):
    def forward(self, x):
        return F.softplus(x) - math.log(2)


class MLP(nn.Module):
    def __init__(self, dims, activate_last=True):
        super().__init__()
        self.layers = nn.ModuleList()
        for i, (a, b) in enumerate(zip(dims, dims[1:])):
            self.layers.append(nn.Linear(a, b))
            if activate_last or i < len(dims) - 2:
                self.layers.append(Softplus2())

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def mean_of(x, index, count, size):
    return torch.zeros(size, x.shape[1]).index_add_(0, index, x) / count[:, None]


class Convolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.edge_func = MLP([128, 64, 64, 32])
        self.node_func = MLP([96, 64, 64, 32])
        self.state_func = MLP([96, 64, 64, 32])

    def forward(self, b, e, v, u):
        e = self.edge_func(torch.cat([v[b.sources], v[b.targets], e, u[b.edge_graph]], 1))
        incoming = mean_of(e, b.targets, b.in_degree, len(v))
        v = self.node_func(torch.cat([v, incoming, u[b.node_graph]], 1))
        mean_e = mean_of(e, b.edge_graph, b.edge_count, len(u))
        mean_v = mean_of(v, b.node_graph, b.node_count, len(u))
        return e, v, self.state_func(torch.cat([u, mean_e, mean_v], 1))


class Block(nn.Module):
    def __init__(self, dense):
        super().__init__()
        self.dense = dense
        if dense:
            self.edge_func, self.node_func, self.state_func = (MLP([32, 64, 32]) for _ in range(3))
        self.conv = Convolution()

    def forward(self, b, e, v, u):
        inner = (self.edge_func(e), self.node_func(v), self.state_func(u)) if self.dense else (e, v, u)
        return [x + y for x, y in zip((e, v, u), self.conv(b, *inner))]


class Set2Set(nn.Module):
    def __init__(self, width, iterations=2):
        super().__init__()
        self.lstm = nn.LSTM(2 * width, width)
        self.iterations = iterations

    def forward(self, x, index, graphs):
        width = x.shape[1]
        q_star = torch.zeros(graphs, 2 * width)
        h = (torch.zeros(1, graphs, width), torch.zeros(1, graphs, width))
        for _ in range(self.iterations):
            q, h = self.lstm(q_star[None], h)
            q = q[0]
            score = (x * q[index]).sum(1)
            largest = torch.full((graphs,), -torch.inf).scatter_reduce_(0, index, score.detach(), "amax")
            power = torch.exp(score - largest[index])
            alpha = power / torch.zeros(graphs).index_add_(0, index, power)[index]
            r = torch.zeros(graphs, width).index_add_(0, index, alpha[:, None] * x)
            q_star = torch.cat([q, r], 1)
        return q_star


class QNetwork(nn.Module):
    def __init__(self, state_size):
        super().__init__()
        self.element_embedding = nn.Embedding(89, 16)
        self.focus_embedding = nn.Embedding(21, 8)
        self.edge_encoder = MLP([1, 64, 32])
        self.node_encoder = MLP([16, 64, 32])
        self.state_encoder = MLP([state_size + 8, 64, 32])
        self.blocks = nn.ModuleList(Block(k > 0) for k in range(3))
        self.node_s2s = Set2Set(32)
        self.edge_s2s = Set2Set(32)
        self.output_proj = MLP([160, 32, 16, 88], activate_last=False)

    def forward(self, b):
        e = self.edge_encoder(torch.exp(-b.distances**2 / RHO)[:, None])
        v = self.node_encoder(self.element_embedding(b.elements))
        u = self.state_encoder(torch.cat([b.state, self.focus_embedding(b.focus.clamp(max=20))], 1))
        for block in self.blocks:
            e, v, u = block(b, e, v, u)
        pooled = [self.node_s2s(v, b.node_graph, b.graphs), self.edge_s2s(e, b.edge_graph, b.graphs), u]
        return self.output_proj(torch.cat(pooled, 1))


class Batch:
    """Arrays of a batch as tensors; what depends on the graphs alone is computed here, once."""

    def __init__(self, arrays, prefix):
        integer = lambda name: arrays[prefix + name].to(torch.int64)
        nodes, edges = integer("nodeOffsets"), integer("edgeOffsets")
        self.graphs = len(nodes) - 1
        graphs = torch.arange(self.graphs)
        self.node_graph = torch.repeat_interleave(graphs, nodes.diff())
        self.edge_graph = torch.repeat_interleave(graphs, edges.diff())
        self.node_count = nodes.diff().float()
        self.edge_count = edges.diff().clamp(min=1).float()
        self.sources, self.targets = integer("sources"), integer("targets")
        self.in_degree = torch.bincount(self.targets, minlength=len(self.node_graph)).clamp(min=1).float()
        self.elements, self.focus = integer("elements"), integer("focus")
        self.distances = arrays[prefix + "distances"]
        self.state = arrays[prefix + "state"].reshape(self.graphs, -1)


def read_arrays():
    with open(os.path.join(folder, "arrays.bin"), "rb") as file:
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    types = {"float32": torch.float32, "uint8": torch.uint8, "uint32": torch.int32}
    with open(os.path.join(folder, "arrays.json")) as file:
        return {
            name: torch.frombuffer(memory, dtype=types[a["dtype"]], count=math.prod(a["shape"]), offset=a["offset"]).reshape(
                a["shape"]
            )
            for name, a in json.load(file).items()
        }


arrays = read_arrays()
parameters = {name[len("parameter:") :]: x.clone() for name, x in arrays.items() if name.startswith("parameter:")}
state_size = parameters["state_encoder.layers.0.weight"].shape[1] - 8
batches = {}


def fresh():
    online, target = QNetwork(state_size), QNetwork(state_size)
    online.load_state_dict(parameters)
    target.load_state_dict(parameters)
    return online, target, torch.optim.Adam(online.parameters(), lr=RATE)


networks = {kind: fresh() for kind in ("cql", "cloning")}


def step(kind, size):
    online, target, optimizer = networks[kind]
    if size not in batches:
        prefix = f"{size}:"
        batches[size] = (
            Batch(arrays, prefix),
            Batch(arrays, prefix + "next:"),
            arrays[prefix + "actions"].to(torch.int64),
            arrays[prefix + "rewards"],
            arrays[prefix + "terminal"] == 0,
        )
    batch, following, actions, rewards, going = batches[size]
    wall, cpu = time.perf_counter(), time.process_time()
    q = online(batch)
    if kind == "cloning":
        loss = F.cross_entropy(q, actions)
    else:
        with torch.no_grad():
            y = rewards.clone()
            y[going] += GAMMA * target(following).max(1).values
        chosen = q.gather(1, actions[:, None])[:, 0]
        loss = OMEGA * (torch.logsumexp(q, 1) - chosen).mean() + 0.5 * ((chosen - y) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(online.parameters(), CLIP)
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), online.parameters()):
            slow.lerp_(fast, TAU)
    value = loss.item()
    return {
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
        "loss": value,
        "gradient_norm": norm.item(),
    }


print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
for line in sys.stdin:
    kind, size = line.split()
    print(json.dumps(step(kind, int(size))), flush=True)
