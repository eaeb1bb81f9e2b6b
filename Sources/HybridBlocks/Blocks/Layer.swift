/// A layer of a model, by the numbers of its checkpoint: blocks that run one after another, mostly a mixer over the sequence
/// and then a feed-forward network.
public struct Layer: Sendable {
  let blocks: [any Block]

  /// A layer of blocks in their order.
  public init(_ blocks: any Block...) { self.blocks = blocks }

  /// A layer of a list of blocks in their order.
  public init(_ blocks: [any Block]) { self.blocks = blocks }
}
