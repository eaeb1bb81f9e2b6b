public import InferCore

/// A language model as a list of blocks between an embedding and a head.
public struct HybridModel: LanguageModel {
  /// `[vocabulary × width]`.
  let embedding: any RowTable
  let embeddingScale: Float
  let blocks: [any Block]
  let norm: RMSNorm
  /// `[vocabulary × width]`: the embedding itself in models that tie the two.
  let head: [PackedMatrix]
  let logitScale: Float
  /// The longest sequence that the model is made for.
  public let contextLength: Int
  /// The state that its blocks declared.
  public let stateLayout: StateLayout

  /// Creates a model.
  ///
  /// - Parameters:
  ///   - embeddingScale: factor on embedded tokens.
  ///   - logitScale: factor on logits.
  init(
    embedding: any RowTable, embeddingScale: Float = 1, blocks: [any Block], norm: RMSNorm, head: PackedMatrix,
    logitScale: Float = 1, contextLength: Int, stateLayout: StateLayout
  ) {
    precondition(embedding.rows == head.rows && embedding.columns == head.columns, "head of \(head.rows) rows")
    self.embedding = embedding
    self.embeddingScale = embeddingScale
    self.blocks = blocks
    self.norm = norm
    self.head = [head]
    self.logitScale = logitScale
    self.contextLength = contextLength
    self.stateLayout = stateLayout
  }

  /// Number of logits of a row.
  public var vocabularySize: Int { embedding.rows }

  /// One letter a block, e.g. `MFMFAMFMF`.
  public var layout: String { String(blocks.map(\.letter)) }

  /// Weights that a token does not touch.
  public var idleParameterCount: Int { blocks.reduce(0) { $0 + $1.idleParameterCount } }

  /// Runs the step: embedding, blocks in order, and, for the rows whose logits are wanted, norm and head.
  public func forward(_ step: borrowing Step, logits: inout MutableRows) {
    precondition(logits.count == step.plan.logitRowCount && logits.columns == vocabularySize, "\(logits.count) logits")
    var h = step.take(rows: step.plan.tokens.count, columns: embedding.columns)
    gatherRows(of: embedding, step.plan.tokens, scale: embeddingScale, into: &h, step)
    for block in blocks {
      step.scoped { block.apply(to: &h, step) }
    }
    guard logits.count > 0 else { return }
    // Only wanted rows pass through the head, which is often the largest matrix of all.
    var wanted = step.take(rows: logits.count, columns: embedding.columns)
    gatherLogitRows(of: h.rows, into: &wanted, step)
    var normed = step.take(rows: logits.count, columns: embedding.columns)
    norm.apply(wanted.rows, into: &normed, step)
    multiply(normed.rows, by: head, into: &logits, step)
    multiply(&logits, by: logitScale, step)
  }
}
