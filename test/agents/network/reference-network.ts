// The network and its losses in double precision, graph by graph, as plainly as they can be written: what both engines
// are held against. Nothing here is shared with them but the names and places of the parameters.
import { dropoutFactors, parameterLayout, type Architecture, type GraphBatch, type Objective } from '@unitcell/network'

type Vector = number[]

const softplus2 = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))) - Math.LN2
const logistic = (x: number) => 1 / (1 + Math.exp(-x))
const dot = (a: Vector, b: Vector) => b.reduce((sum, x, i) => sum + a[i] * x, 0)
const plus = (a: Vector, b: Vector) => a.map((x, i) => x + b[i])
const mean = (rows: Vector[], width: number) =>
  rows.reduce(plus, Array<number>(width).fill(0)).map((x) => (rows.length ? x / rows.length : 0))

export class ReferenceNetwork {
  private readonly places: Map<string, { offset: number; shape: readonly number[] }>

  constructor(
    readonly a: Architecture,
    readonly parameters: Float64Array,
  ) {
    this.places = new Map(parameterLayout(a).tensors.map((tensor) => [tensor.name, tensor]))
  }

  private row(name: string, i: number): Vector {
    const { offset, shape } = this.places.get(name)!
    const width = shape[1] ?? 1
    return Array.from({ length: width }, (_, j) => this.parameters[offset + i * width + j])
  }

  private linear(name: string, x: Vector, parts = ['weight', 'bias']): Vector {
    const { offset, shape } = this.places.get(`${name}.${parts[0]}`)!
    const [outputs, inputs] = shape
    const bias = this.places.get(`${name}.${parts[1]}`)!.offset
    const y = new Array<number>(outputs)
    for (let i = 0; i < outputs; i++) {
      let sum = this.parameters[bias + i]
      for (let j = 0; j < inputs; j++) sum += this.parameters[offset + i * inputs + j] * x[j]
      y[i] = sum
    }
    return y
  }

  private mlp(name: string, x: Vector, hasLinearEnd = false): Vector {
    for (let i = 0; this.places.has(`${name}.layers.${i}.weight`); i += 2) {
      x = this.linear(`${name}.layers.${i}`, x)
      if (!hasLinearEnd || this.places.has(`${name}.layers.${i + 2}.weight`)) x = x.map(softplus2)
    }
    return x
  }

  /** Q at the rows of graph g: its focus alone, or every site for the readout `node`. */
  outputs(batch: GraphBatch, g: number, dropoutSeed?: number): { focus: Vector; sites: Vector[] } {
    const { a } = this
    const [n0, n1, e0, e1] = [
      batch.nodeOffsets[g],
      batch.nodeOffsets[g + 1],
      batch.edgeOffsets[g],
      batch.edgeOffsets[g + 1],
    ]
    const nodes = Array.from({ length: n1 - n0 }, (_, i) => n0 + i)
    const edges = Array.from({ length: e1 - e0 }, (_, i) => e0 + i)
    const width = a.encoderWidths.at(-1)!
    const drop = (place: number, row: number, x: Vector): Vector => {
      if (dropoutSeed === undefined || a.dropout === 0) return x
      const factors = dropoutFactors(dropoutSeed, place, (row + 1) * x.length, a.dropout)
      return x.map((value, j) => value * factors[row * x.length + j])
    }

    let e = edges.map((k) => this.mlp('edge_encoder', gaussians(batch.distances[k], a.gaussians)))
    let v = nodes.map((n) => {
      const tokens = batch.nodeTokens.slice(n * a.nodeTokens, (n + 1) * a.nodeTokens)
      return this.mlp('node_encoder', [
        ...this.row('element_embedding.weight', batch.elements[n]),
        ...(a.focus === 'node' ? [n - n0 === batch.focus[g] ? 1 : 0] : []),
        ...batch.nodeFeatures.slice(n * a.nodeFeatures, (n + 1) * a.nodeFeatures),
        ...Array.from(tokens, (token) => this.row('token_embedding.weight', token)).flat(),
      ])
    })
    let u = this.mlp('state_encoder', [
      ...batch.state.slice(g * a.stateSize, (g + 1) * a.stateSize),
      ...(a.focus === 'index' ? this.row('focus_embedding.weight', Math.min(batch.focus[g], 20)) : []),
    ])
    for (let k = 0; k < a.blocks; k++) {
      const block = `blocks.${k}`
      const dense = (part: string, x: Vector) => (k > 0 ? this.mlp(`${block}.${part}_func`, x) : x)
      const [ei, vi, ui] = [e.map((x) => dense('edge', x)), v.map((x) => dense('node', x)), dense('state', u)]
      const eo = edges.map((edge, i) =>
        this.mlp(`${block}.conv.edge_func`, [
          ...vi[batch.sources[edge] - n0],
          ...vi[batch.targets[edge] - n0],
          ...ei[i],
          ...ui,
        ]),
      )
      const vo = nodes.map((node, i) => {
        const incoming = eo.filter((_, j) => batch.targets[edges[j]] === node)
        return this.mlp(`${block}.conv.node_func`, [...vi[i], ...mean(incoming, width), ...ui])
      })
      const uo = this.mlp(`${block}.conv.state_func`, [...ui, ...mean(eo, width), ...mean(vo, width)])
      e = e.map((x, i) => plus(x, drop(3 * k, edges[i], eo[i])))
      v = v.map((x, i) => plus(x, drop(3 * k + 1, nodes[i], vo[i])))
      u = plus(u, drop(3 * k + 2, g, uo))
    }
    const place = 3 * a.blocks
    if (a.readout === 'node') {
      const state = drop(place + 1, g, u)
      const sites = v.map((x, i) => this.mlp('output_proj', [...drop(place, nodes[i], x), ...state], true))
      return { focus: sites[batch.focus[g]], sites }
    }
    const pooled = [...this.set2set('node_s2s', v, width), ...this.set2set('edge_s2s', e, width), ...u]
    return { focus: this.mlp('output_proj', drop(place, g, pooled), true), sites: [] }
  }

  private set2set(name: string, items: Vector[], width: number): Vector {
    let [h, c, joined] = [Array<number>(width).fill(0), Array<number>(width).fill(0), Array<number>(2 * width).fill(0)]
    for (let t = 0; t < this.a.set2setIterations; t++) {
      const gates = plus(
        this.linear(`${name}.lstm`, joined, ['weight_ih_l0', 'bias_ih_l0']),
        this.linear(`${name}.lstm`, h, ['weight_hh_l0', 'bias_hh_l0']),
      )
      const gate = (k: number, j: number) => gates[k * width + j]
      c = c.map((x, j) => logistic(gate(1, j)) * x + logistic(gate(0, j)) * Math.tanh(gate(2, j)))
      h = c.map((x, j) => logistic(gate(3, j)) * Math.tanh(x))
      const powers = items.map((item) => Math.exp(dot(item, h)))
      const total = powers.reduce((sum, x) => sum + x, 0)
      const pooled = items.reduce(
        (sum, item, m) => sum.map((x, j) => x + (powers[m] / total) * item[j]),
        h.map(() => 0),
      )
      joined = [...h, ...pooled]
    }
    return joined
  }
}

function gaussians(d: number, count: number): Vector {
  if (count === 1) return [Math.exp((-d * d) / 2)]
  const spacing = 5.5 / (count - 1)
  return Array.from({ length: count }, (_, k) => Math.exp(-(((d - (0.5 + k * spacing)) / spacing) ** 2)))
}

/** max_a Q_target(s', a) of the transitions that go on. */
export function referenceNextValues(objective: Objective, target: ReferenceNetwork): number[] {
  if (objective.kind === 'cloning' || !objective.next) return []
  const { next } = objective
  return Array.from(next.focus, (_, g) => Math.max(...target.outputs(next, g).focus))
}

/** The value of an objective, given its `referenceNextValues`. */
export function referenceLoss(objective: Objective, online: ReferenceNetwork, nextValues: readonly number[]): number {
  const { batch, actions, auxiliary = 0, siteElements, dropoutSeed } = objective
  const graphs = actions.length
  let [loss, siteLoss, sites, going] = [0, 0, 0, 0]
  for (let g = 0; g < graphs; g++) {
    const outputs = online.outputs(batch, g, dropoutSeed)
    const weight = objective.kind === 'cloning' ? (objective.weights?.[g] ?? 1) : 1
    const factor = objective.kind === 'cql' ? objective.omega : weight
    loss += (factor * crossEntropy(outputs.focus, actions[g])) / graphs
    if (objective.kind === 'cql') {
      const y = objective.rewards[g] + (objective.terminal[g] ? 0 : objective.gamma * nextValues[going++])
      loss += (outputs.focus[actions[g]] - y) ** 2 / 2 / graphs
    }
    if (auxiliary === 0) continue
    outputs.sites.forEach((site, i) => {
      const node = batch.nodeOffsets[g] + i
      if (i === batch.focus[g] || batch.elements[node] !== 88 || siteElements![node] > 87) return
      sites++
      siteLoss += weight * crossEntropy(site, siteElements![node])
    })
  }
  return loss + (sites > 0 ? (auxiliary * siteLoss) / sites : 0)
}

function crossEntropy(outputs: Vector, action: number): number {
  const largest = Math.max(...outputs)
  return largest + Math.log(outputs.reduce((sum, x) => sum + Math.exp(x - largest), 0)) - outputs[action]
}
