/// A layer of a model, by the numbers of its checkpoint: blocks that run one after another, mostly a mixer over the sequence
/// and then a feed-forward network.
struct Layer: Sendable {
  let blocks: [any Block]

  init(_ blocks: any Block...) { self.blocks = blocks }
}
