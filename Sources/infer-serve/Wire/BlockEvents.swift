import InferCore
import InferText

/// Changes of a prefix cache's blocks in the form that vLLM publishes: batches of `BlockStored`, `BlockRemoved` and
/// `AllBlocksCleared`, arrays of MessagePack.
///
/// What a block holds for one adapter has its name. What it holds for one salt is told apart by a hash of the salt,
/// which nobody is to learn from events.
struct BlockEvents {
  private struct Block {
    var hash: BlockHash
    var adapter: String?
  }

  /// The blocks that are stored, by their numbers.
  private var blocks: [Int32: Block] = [:]

  /// A `BlockStored`: blocks one behind the other.
  private struct Stored {
    var hashes: [UInt64] = []
    var parent: UInt64?
    var tokens: [Int32] = []
    var blockSize: Int
    var adapter: String?
    /// A hash of the salt of the first block; `nil` where it has none, or where others are before it.
    var salt: String?
    /// The number of the last block.
    var last: Int32
  }

  private enum Event {
    case stored(Stored)
    case removed([UInt64])
    case cleared
  }

  /// A batch of changes.
  ///
  /// - Parameters:
  ///   - time: Seconds since 1970.
  mutating func batch(_ changes: [(change: BlockChange, adapters: [ModelAdapter])], at time: Double) -> [UInt8] {
    var events: [Event] = []
    for (change, adapters) in changes { add(change, adapters, to: &events) }
    var writer = MessagePackWriter()
    writer.beginArray(3)
    writer.write(time)
    writer.beginArray(events.count)
    for event in events { Self.write(event, to: &writer) }
    // The rank among those that have a part of all requests each: there is one.
    writer.write(UInt64(0))
    return writer.bytes
  }

  private mutating func add(_ change: BlockChange, _ adapters: [ModelAdapter], to events: inout [Event]) {
    switch change {
    case .stored(let number, let parent, let tokens, let scope):
      let (adapter, salt) = scope.parts(of: adapters)
      let known = parent.flatMap { blocks[$0] }
      // The salt counts in the first block; the others' hashes are of that.
      let secret = known == nil && !salt.isEmpty ? SHA256.hash(data: Array(salt)).hexadecimal : nil
      let hash = BlockHash(
        behind: known?.hash ?? .root, tokens, keys: [adapter?.name, secret].compactMap { $0 })
      blocks[number] = Block(hash: hash, adapter: adapter?.name)
      if case .stored(var last) = events.last, let parent, last.last == parent, last.blockSize == tokens.count {
        // Taken out, so that what is added is not a copy of all.
        events.removeLast()
        last.hashes.append(hash.number)
        last.tokens += tokens
        last.last = number
        events.append(.stored(last))
      } else {
        events.append(
          .stored(
            Stored(
              hashes: [hash.number], parent: known?.hash.number, tokens: tokens, blockSize: tokens.count,
              adapter: adapter?.name, salt: secret, last: number)))
      }
    case .removed(let number):
      guard let block = blocks.removeValue(forKey: number) else { return }
      if case .removed(var hashes) = events.last {
        events.removeLast()
        hashes.append(block.hash.number)
        events.append(.removed(hashes))
      } else {
        events.append(.removed([block.hash.number]))
      }
    case .cleared:
      blocks.removeAll()
      events.append(.cleared)
    }
  }

  private static func write(_ event: Event, to writer: inout MessagePackWriter) {
    switch event {
    case .stored(let stored):
      writer.beginArray(stored.salt == nil ? 8 : 9)
      writer.write("BlockStored")
      write(stored.hashes, to: &writer)
      if let parent = stored.parent { writer.write(parent) } else { writer.writeNil() }
      writer.beginArray(stored.tokens.count)
      for token in stored.tokens { writer.write(UInt64(UInt32(bitPattern: token))) }
      writer.write(UInt64(stored.blockSize))
      // The number of an adapter, which its name has taken the place of, and the memory, which is the one that there
      // is.
      writer.writeNil()
      writer.writeNil()
      if let adapter = stored.adapter { writer.write(adapter) } else { writer.writeNil() }
      guard let salt = stored.salt else { return }
      writer.beginArray(stored.hashes.count)
      writer.beginArray(1)
      writer.write(salt)
      for _ in stored.hashes.dropFirst() { writer.writeNil() }
    case .removed(let hashes):
      writer.beginArray(3)
      writer.write("BlockRemoved")
      write(hashes, to: &writer)
      writer.writeNil()
    case .cleared:
      writer.beginArray(1)
      writer.write("AllBlocksCleared")
    }
  }

  private static func write(_ hashes: [UInt64], to writer: inout MessagePackWriter) {
    writer.beginArray(hashes.count)
    for hash in hashes { writer.write(hash) }
  }
}
