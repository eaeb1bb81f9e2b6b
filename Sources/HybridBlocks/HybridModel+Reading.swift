internal import InferCore

extension HybridModel {
  /// Reads a model of a family.
  ///
  /// - Parameter mayLackHead: `true` where files without a head are those of a model for embeddings, and no mistake.
  init(_ family: any ModelFamily, _ weights: WeightScope, mayLackHead: Bool = false) throws(ModelError) {
    let frame = family.frame
    let share = weights.share
    let stages = try Self.stages(family, weights)
    let weights = weights.reading(family.storedForms, family.storedPrefixes).of(stages: stages)
    // Tokens are embedded before the first layer, and a tied embedding is the head behind the last one as well.
    let (begins, ends) = (weights.present(share.isFirstStage), weights.present(share.isLastStage))
    let embeds = weights.present(share.isFirstStage || share.isLastStage)
    let (rows, columns) = (frame.vocabularySize, frame.width)
    // A head of its own is multiplied with and packed, an embedding is only looked up and stays in the file. Tied
    // models sometimes store the head all the same.
    // Files of tied models are saved without, and so are those of models that only embed or score.
    let isStored = weights.has("lm_head.weight")
    let hasHead = frame.isTied || isStored || frame.isTiedWithoutHead
    let isWhole = hasHead || mayLackHead || weights.has(RelevanceScorer.headName)
    // Without an embedding either, that is what is missing.
    guard isWhole || !weights[frame.embedding].has("weight") else {
      throw .tensor(
        name: "lm_head.weight",
        reason:
          "is missing, expected [\(frame.storedVocabularySize ?? rows), \(columns)] as tie_word_embeddings is false in the configuration"
      )
    }
    let isTied = frame.isTied || !isStored
    if isTied { weights.discard("lm_head.weight") }
    let part = HybridModel.rows(of: weights.share, rows)
    guard !part.isEmpty else {
      throw weights.indivisible("\(rows) tokens cannot be dealt out to \(weights.share.count) ranks")
    }
    let embedding: any RowTable
    let head: PackedMatrix
    let stored = max(rows, frame.storedVocabularySize ?? rows)
    if isTied {
      head = try embeds[frame.embedding].matrices(
        "weight", rows: stored, columns: columns, parts: [[part]], role: .head)[0]
      embedding = head
    } else {
      embedding = try begins[frame.embedding].table("weight", rows: stored, columns: columns, role: .embedding)
      head = try ends["lm_head"].matrices(
        "weight", rows: stored, columns: columns, parts: [[part]], role: .head, inProducts: true)[0]
    }
    let embeddingNorm = try frame.embeddingNorm.map { name throws(ModelError) in try frame.norm(weights[name]) }
    let side = try family.side(reading: begins)
    let lanes = try family.streamLanes(reading: weights)
    var state = StateLayout(stage: share.stage)
    var layers = try family.layers(reading: weights, state: &state)
    if share.dividesLayers { try Self.checkDivisible(layers, weights) }
    if share.stages > 1 { layers = try Self.own(layers, stages, share) }
    self.init(
      share: weights.share, vocabularySize: rows, embedding: embedding, embeddingScale: frame.embeddingScale,
      embeddingNorm: embeddingNorm, side: side, lanes: lanes, layers: layers,
      norm: try frame.norm(weights[frame.norm]),
      head: head, logitScale: frame.logitScale, logitCap: frame.logitCap, hasHead: hasHead,
      contextLength: frame.contextLength, stateLayout: state
    )
  }

  /// The layers of each stage; none where there is one.
  private static func stages(_ family: any ModelFamily, _ weights: WeightScope) throws(ModelError) -> [Range<Int>] {
    let share = weights.share
    guard share.stages > 1 else { return [] }
    var sizes = weights.layerSizes(family.layerCount)
    // Names may tell nothing of layers; and the last stage has the head.
    if sizes.contains(0) { sizes = sizes.map { _ in 1 } }
    if let last = sizes.indices.last, sizes[last] > 1 {
      sizes[last] += Double(family.frame.vocabularySize) * Double(family.frame.width)
    }
    guard let stages = share.layers(sizes: sizes) else {
      throw .unsuitable("\(family.layerCount) layers cannot be dealt out to \(share.stages) stages")
    }
    return stages
  }

  /// The layers of the own stage.
  private static func own(
    _ layers: [Layer], _ stages: [Range<Int>], _ share: ModelShare
  ) throws(ModelError) -> [Layer] {
    precondition(stages.last?.upperBound == layers.count, "\(layers.count) layers in stages \(stages)")
    for (index, layer) in layers.enumerated() {
      for block in layer.blocks where block.usesOtherLayers {
        throw .unsuitable(
          "layer \(index) has a block of the kind \(kind(of: block)), which uses other layers' weights, so that they "
            + "cannot be in \(share.stages) stages")
      }
    }
    return Array(layers[stages[share.stage]])
  }

  /// Refuses layers that ranks cannot compute together.
  private static func checkDivisible(_ layers: [Layer], _ weights: WeightScope) throws(ModelError) {
    for (index, layer) in layers.enumerated() {
      for block in layer.blocks where !block.isDivisible {
        throw .unsuitable(
          "layer \(index) has a block of the kind \(kind(of: block)), which \(weights.share.count) ranks cannot compute "
            + "together")
      }
    }
  }

  /// The type of a block's mixer, or of the block where it has none.
  private static func kind(of block: any Block) -> String {
    switch block {
    case let block as ResidualBlock: "\(type(of: block.mixer))"
    case let block as NormedResidualBlock: "\(type(of: block.mixer))"
    case let block as StreamBlock: kind(of: block.block)
    case let block as TimeMix7Block: "\(type(of: block.mixer))"
    default: "\(type(of: block))"
    }
  }
}
