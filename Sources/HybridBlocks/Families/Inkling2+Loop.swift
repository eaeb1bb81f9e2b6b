internal import InferCore

/// The loop of some models: published as Inkling 2 Mini.
extension Inkling2 {
  /// The inputs that take up messages, in the order of queries, and the names of their gates in published files.
  private static let inputs = [("q", "attn"), ("k", "k"), ("v", "v"), ("mlp", "mlp")]

  /// The gates' names that are read, and those of published files.
  static let gateNames = inputs.flatMap { input, stored in
    [("down_proj", "down"), ("forget_gate_proj", "forget"), ("message_gate_proj", "gain")].map { map, name in
      ("\(input)_message_gate.\(map).weight", "controllers.\(stored).\(name)_weight")
    }
  }

  /// Reads the loop, whose sizes stand together in published files.
  static func loop(_ config: ConfigReader, layers: Int, groupSize: Int) throws(ModelError) -> LayerLoop {
    let flat = ["loop_layer_index_start", "loop_layer_index_end", "loop_num_passes", "loop_gate_rank"]
    let nested = ["core_start", "core_end", "num_passes", "gate_rank"]
    let place = try config.object("loop_config") ?? config
    let names = config.has("loop_config") ? nested : flat
    config.ignore(flat)
    var sizes: [Int] = []
    for (name, fallback) in zip(names, [6, 18, 3, 64]) { sizes.append(try place.size(name, default: fallback)) }
    let (start, end) = (sizes[0], sizes[1])
    for (name, value) in zip(names, [start, end]) {
      try place.require(
        value % groupSize == 0, name, "\(value) is not a multiple of n_layers_per_attn_res_block, \(groupSize)")
    }
    try place.require(
      start < end && end <= layers, names[1], "a loop of layers \(start) ..< \(end) in a model of \(layers) layers")
    return LayerLoop(layers: start..<end, passes: sizes[2], gateRank: sizes[3], groupSize: groupSize)
  }

  /// What the loop's groups came to in an earlier pass.
  func side(reading weights: WeightScope) -> (any StreamSide)? { loop.map { LoopSums(columns: sums($0).count) } }

  /// The columns of these sums, behind those of lanes.
  private func sums(_ loop: LayerLoop) -> Range<Int> {
    let first = laneCount * frame.width
    return first..<first + loop.groups * frame.width
  }

  /// The blocks of all passes behind the first one.
  func passes(
    _ loop: LayerLoop, _ blocks: [(heads: GroupedResidualBlock, network: GroupedResidualBlock)], _ weights: WeightScope,
    _ state: inout StateLayout
  ) throws(ModelError) -> [any Block] {
    let queries = try messageQueries(loop, weights)
    var gates: [[MessageGate]] = []
    for index in loop.layers {
      gates.append(
        try Self.inputs.map { input, _ throws(ModelError) in
          try MessageGate(
            weights["layers"][index]["\(input)_message_gate"], width: frame.width, rank: loop.gateRank,
            epsilon: frame.epsilon)
        })
    }
    var result: [any Block] = []
    for _ in 1..<max(loop.passes, 1) {
      result.append(LoopPass(loop: loop, width: frame.width, sums: sums(loop)))
      for (index, block) in blocks.enumerated() {
        let stage = weights["layers"][loop.layers.lowerBound + index].stage
        func again(_ block: GroupedResidualBlock, _ inputs: Range<Int>) -> GroupedResidualBlock {
          let own = inputs.moved(by: index * Self.inputs.count).columns(frame.width)
          return block.inAnotherPass(
            .init(sums: sums(loop), queries: Array(queries[own]), gates: Array(gates[index][inputs])), state: &state,
            stage: stage)
        }
        result += [again(block.heads, 0..<3), again(block.network, 3..<4)]
      }
    }
    return result
  }

  /// The queries of messages, `[layers × inputs × width]`. Published files have those of queries and networks of each layer in one
  /// list, and those of keys and values in another.
  private func messageQueries(_ loop: LayerLoop, _ weights: WeightScope) throws(ModelError) -> [Float] {
    let (count, width) = (loop.layers.count, frame.width)
    let name = "middle_cycle_cross_pass_"
    guard weights.has(name + "queries") else {
      return try weights["message_input"].floats("query", shape: [count, Self.inputs.count, width])
    }
    let ends = try weights.floats(name + "queries", shape: [2 * count, width])
    let middles = try weights.floats(name + "kv_queries", shape: [2 * count, width])
    return (0..<count).flatMap { index in
      let first = (2 * index..<2 * index + 1).columns(width)
      return ends[first] + middles[(2 * index..<2 * index + 2).columns(width)] + ends[first.moved(by: width)]
    }
  }
}
