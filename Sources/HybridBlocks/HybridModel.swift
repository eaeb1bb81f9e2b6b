package import InferCore

/// A language model as a list of layers between an embedding and a head.
package struct HybridModel: LanguageModel {
  /// The part of the model that is computed here.
  package let share: ModelShare
  /// `[vocabulary × width]`, or of a tied model the rank's rows.
  let embedding: any RowTable
  let embeddingScale: Float
  /// Of embedded tokens; `nil` for none.
  let embeddingNorm: (any Norm)?
  /// Inputs of blocks beside the residual stream: rows are `[stream | side]`; `nil` for none.
  let side: (any StreamSide)?
  /// The ends of the residual stream's lanes; `nil` where it has one.
  let lanes: (any StreamLanes)?
  let layers: [Layer]
  let norm: any Norm
  /// Number of logits of a row.
  package let vocabularySize: Int
  /// `[vocabulary × width]`, or the rank's rows: the embedding itself in models that tie the two.
  let head: [PackedMatrix]
  let logitScale: Float
  let logitCap: Float?
  /// `false` where the embedding only stands in for a head that the model was saved without.
  package let hasHead: Bool
  /// The longest sequence that the model is made for.
  package let contextLength: Int
  /// The state that its layers declared.
  package let stateLayout: StateLayout
  /// A hash of the configuration and the weights; `nil` for a model that was not read from files.
  package internal(set) var fingerprint: ModelFingerprint?
  /// The number of bytes of the weights that lie in mapped files.
  package internal(set) var mappedWeightBytes = 0
  /// The adapters that sequences may have.
  package internal(set) var adapters: [ModelAdapter] = []

  /// Creates a model.
  ///
  /// - Parameters:
  ///   - share: the part of the model that `layers` and `head`, and `embedding` where they are tied, are of.
  ///   - vocabularySize: the number of logits.
  ///   - embeddingScale: factor on embedded tokens.
  ///   - embeddingNorm: the norm of embedded tokens; `nil` for none.
  ///   - lanes: the ends of the residual stream's lanes; `nil` where it has one.
  ///   - side: what blocks see beside the residual stream; `nil` for nothing.
  ///   - logitScale: factor on logits.
  ///   - logitCap: the bound that they are held within; `nil` for none.
  ///   - hasHead: `false` where `head` only stands in for one.
  init(
    share: ModelShare = .whole, vocabularySize: Int, embedding: any RowTable, embeddingScale: Float = 1,
    embeddingNorm: (any Norm)? = nil, side: (any StreamSide)? = nil, lanes: (any StreamLanes)? = nil, layers: [Layer],
    norm: any Norm, head: PackedMatrix,
    logitScale: Float = 1, logitCap: Float? = nil, hasHead: Bool = true, contextLength: Int, stateLayout: StateLayout
  ) {
    precondition(
      head.rows == Self.rows(of: share, vocabularySize).count && embedding.columns == head.columns
        && (embedding.rows >= vocabularySize || embedding.rows == head.rows), "head of \(head.rows) rows")
    self.share = share
    self.vocabularySize = vocabularySize
    self.embedding = embedding
    self.embeddingScale = embeddingScale
    self.embeddingNorm = embeddingNorm
    self.side = side
    self.lanes = lanes
    self.layers = layers
    self.norm = norm
    self.head = [head]
    self.logitScale = logitScale
    self.logitCap = logitCap
    self.hasHead = hasHead
    self.contextLength = contextLength
    self.stateLayout = stateLayout
  }

  /// The rows of the head, and of a tied embedding, that a rank has: whole panels.
  static func rows(of share: ModelShare, _ vocabularySize: Int) -> Range<Int> {
    share.range(of: vocabularySize, by: PackedMatrix.panelRows)
  }

  /// The width of the residual stream.
  package var hiddenWidth: Int? { embedding.columns }

  /// The letters of all blocks, e.g. `MFMFAMFMF`.
  package var layout: String { layers.flatMap(\.blocks).map(\.letters).joined() }

  /// Weights that a token does not touch.
  package var idleParameterCount: Int { layers.flatMap(\.blocks).reduce(0) { $0 + $1.idleParameterCount } }

  /// Runs the step: embedding, layers in order, and, for the rows whose logits are wanted, norm and head.
  package func forward(_ step: borrowing Step, logits: inout MutableRows) {
    var none = step.take(rows: 0, columns: embedding.columns)
    forward(step, logits: &logits, hidden: &none)
  }

  /// Runs the step: embedding, layers in order, and, for the rows that are wanted, norm and, for logits, head. Of several
  /// ranks, all compute the step and the first one gets the logits.
  package func forward(_ step: borrowing Step, logits: inout MutableRows, hidden: inout MutableRows) {
    precondition(logits.count == step.plan.logitRowCount && logits.columns == vocabularySize, "\(logits.count) logits")
    precondition(
      step.ranks?.size ?? 1 == share.count && step.grid?.stages ?? 1 == share.stages,
      "\(share.count) ranks in each of \(share.stages) stages for a model")
    let width = embedding.columns
    let stream = (lanes?.count ?? 1) * width
    var h = step.take(rows: step.plan.tokens.count, columns: stream + (side?.columns ?? 0))
    if step.isFirstStage { begin(&h, 0..<stream, step) } else { receiveStream(&h, step) }
    for layer in layers {
      for block in layer.blocks {
        step.scoped { block.apply(to: &h, step) }
      }
    }
    if step.isLastStage { end(h.rows.columns(0..<stream), &logits, &hidden, step) } else { sendStream(h.rows, step) }
    bringToFirstStage(&hidden, step)
    bringToFirstStage(&logits, step)
  }

  /// The residual stream, and what is beside it, before the first layer.
  private func begin(_ h: inout MutableRows, _ stream: Range<Int>, _ step: borrowing Step) {
    embed(into: &h, 0..<embedding.columns, step)
    if let embeddingNorm { step.scoped { normalize(embeddingNorm, &h, 0..<embedding.columns, step) } }
    if let lanes { step.scoped { begin(lanes, &h, stream, step) } }
    if let side { step.scoped { fill(side, &h, step) } }
  }

  /// The hidden states and logits that are wanted, from the residual stream behind the last layer.
  private func end(_ h: Rows, _ logits: inout MutableRows, _ hidden: inout MutableRows, _ step: borrowing Step) {
    let (width, stream) = (embedding.columns, h.columns)
    if hidden.count > 0 {
      var wanted = step.take(rows: hidden.count, columns: stream)
      gatherHiddenRows(of: h, into: &wanted, step)
      normalize(wanted.rows, into: &hidden, step)
    }
    guard logits.count > 0 else { return }
    // Only wanted rows pass through the head, which is often the largest matrix of all.
    var wanted = step.take(rows: logits.count, columns: stream)
    gatherLogitRows(of: h, into: &wanted, step)
    var normed = step.take(rows: logits.count, columns: width)
    normalize(wanted.rows, into: &normed, step)
    if share.dividesLayers {
      let rows = Self.rows(of: share, vocabularySize)
      var part = step.take(rows: logits.count, columns: rows.count)
      project(normed.rows, into: &part, step)
      return gatherColumns(part.rows, into: &logits, { Self.rows(of: share.of($0), vocabularySize) }, step)
    }
    project(normed.rows, into: &logits, step)
  }

  /// The logits of hidden states, of the rows of the head that are here.
  private func project(_ normed: Rows, into logits: inout MutableRows, _ step: borrowing Step) {
    matmul(normed, by: head, into: &logits, of: .logits, step)
    scale(&logits, by: logitScale, step)
    if let logitCap { softCap(&logits, logitCap, step) }
  }

  private func embed(into h: inout MutableRows, _ columns: Range<Int>, _ step: borrowing Step) {
    var target = h.columns(columns)
    guard embedding.rows < vocabularySize else {
      return gatherRows(of: embedding, step.plan.tokens, scale: embeddingScale, into: &target, step)
    }
    // Each token is on one rank; what others add to it is zero.
    let first = Self.rows(of: share, vocabularySize).lowerBound
    gatherRows(of: embedding, from: first, step.plan.tokens, scale: embeddingScale, into: &target, step)
    sumOverRanks(&target, step)
  }

  private func normalize(
    _ norm: any Norm, _ h: inout MutableRows, _ columns: Range<Int>, _ step: borrowing Step
  ) {
    var embedded = step.take(rows: h.count, columns: columns.count)
    assign(h.rows.columns(columns), scale: 1, to: &embedded, step)
    var target = h.columns(columns)
    norm.apply(embedded.rows, into: &target, step)
  }

  /// One of the lanes, where there are several, and the last norm.
  private func normalize(_ stream: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    guard let lanes else { return norm.apply(stream, into: &out, step) }
    var sum = step.take(rows: stream.count, columns: out.columns)
    lanes.end(stream, into: &sum, step)
    norm.apply(sum.rows, into: &out, step)
  }

  private func begin(
    _ lanes: any StreamLanes, _ h: inout MutableRows, _ columns: Range<Int>, _ step: borrowing Step
  ) {
    var stream = h.columns(columns)
    lanes.begin(&stream, step)
  }

  private func fill(_ side: any StreamSide, _ h: inout MutableRows, _ step: borrowing Step) {
    let width = embedding.columns
    var embedded = step.take(rows: h.count, columns: width)
    assign(h.rows.columns(0..<width), scale: 1, to: &embedded, step)
    var columns = h.columns(h.columns - side.columns..<h.columns)
    side.fill(&columns, embedded: embedded.rows, step)
  }
}
