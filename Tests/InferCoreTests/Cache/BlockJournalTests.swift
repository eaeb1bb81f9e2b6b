import TestSupport
import Testing

@testable import InferCore

@Suite struct BlockJournalTests {
  /// What a subscriber knows.
  private struct Follower {
    struct Block: Equatable {
      var parent: Int32?
      var tokens: [Int32]
      var scope: CacheScope
    }
    var blocks: [Int32: Block] = [:]
    var clearings = 0

    /// Applies changes, which must make sense one after the other.
    mutating func apply(_ changes: [BlockChange]) {
      for change in changes {
        switch change {
        case .stored(let number, let parent, let tokens, let scope):
          #expect(blocks[number] == nil && parent.map { blocks[$0]?.scope == scope } ?? true)
          blocks[number] = Block(parent: parent, tokens: tokens, scope: scope)
        case .removed(let number):
          #expect(blocks[number] != nil && !blocks.values.contains { $0.parent == number })
          blocks[number] = nil
        case .cleared:
          #expect(blocks.isEmpty)
          clearings += 1
        }
      }
    }
  }

  /// The full nodes of a tree that sequences can go on from, or from state behind them.
  private func expected(_ memory: SequenceMemory) -> [Int32: Follower.Block] {
    let tree = memory.tree
    var hasState: Set<Int32> = []
    for node in tree.nodes.indices.map(Int32.init) where tree[node].count > 0 && !tree[node].states.isEmpty {
      var each = node
      while each != PrefixTree.none {
        hasState.insert(each)
        each = tree[each].parent
      }
    }
    var blocks: [Int32: Follower.Block] = [:]
    for node in tree.nodes.indices.map(Int32.init)
    where tree[node].count == memory.pageTokens && (!memory.hasRecurrentState || hasState.contains(node)) {
      let parent = tree[node].parent
      blocks[node] = Follower.Block(
        parent: tree[parent].parent == PrefixTree.none ? nil : parent, tokens: Array(tree.tokens(of: node)),
        scope: tree.text(upTo: node, 1).scope)
    }
    return blocks
  }

  @Test(arguments: [(true, 0), (true, 3), (false, 0)])
  func changesAddUpToWhatIsThere(hasRecurrentState: Bool, coldSlots: Int) {
    var memory = SequenceMemory(
      pageTokens: 4, pageCount: 60, slotCount: 6, hasRecurrentState: hasRecurrentState, coldSlotCount: coldSlots)
    memory.journal = BlockJournal(needsState: hasRecurrentState)
    var random = SeededGenerator(seed: 7)
    var follower = Follower()
    var most = 0
    for turn in 0..<400 {
      // Texts that part from each other anywhere, in two scopes.
      let scope = Bool.random(using: &random) ? CacheScope.shared : CacheScope(salt: [1])
      let tokens =
        (0..<Int32.random(in: 0..<24, using: &random)).map { $0 }
        + (0..<Int.random(in: 1..<16, using: &random)).map { _ in Int32.random(in: 100..<103, using: &random) }
      leave(tokens, states: [Int.random(in: 1...tokens.count, using: &random), tokens.count], scope, in: &memory)
      if turn % 90 == 89 { memory.reset() }
      if turn % 50 == 49 { memory.forget(tokens, in: scope) }
      follower.apply(memory.journal?.take() ?? [])
      #expect(follower.blocks == expected(memory), "after \(turn)")
      most = max(most, follower.blocks.count)
    }
    #expect(most > 20 && follower.clearings == 4)
    #expect(memory.counts.evictedStates > 100 && memory.counts.evictedPages > 100)
  }

  private func leave(
    _ tokens: [Int32], states: [Int], _ scope: CacheScope, in memory: inout SequenceMemory
  ) {
    var pages = (0..<memory.pageCount(for: tokens.count)).compactMap { _ in memory.takePage() }
    var (last, whole): (Int32?, Int) = (nil, 0)
    memory.insert(tokens, computed: tokens.count, pages: &pages, last: &last, whole: &whole, in: scope)
    for position in Set(states).sorted() {
      guard let slot = memory.takeSlot() else { continue }
      memory.keep(slot, after: position, of: tokens, pages: pages, last: last, whole: whole, in: scope)
    }
    for page in pages { memory.give(page: page) }
  }

  /// What an engine tells is what its cache has, until it ends.
  @Test(arguments: [HashModel.Memory.paged, [.paged, .recurrent]])
  func anEngineTells(memory: HashModel.Memory) async throws {
    let told = Monitor<[BlockChange]>([])
    var configuration = smallConfiguration()
    configuration.blockObserver = { changes, _ in told.withLock { $0 += changes } }
    let engine = try Engine(model: HashModel(memory: memory), configuration: configuration)
    let size = engine.limits.pageTokens
    let prompt = (0..<Int32(4 * size + 3)).map { $0 % 89 }
    for _ in 0..<2 {
      let request = GenerationRequest(prompt: prompt, sampling: .greedy, stop: try StopConditions(maxTokens: 3))
      _ = await Collected(try engine.submit(request))
    }
    await engine.resetPrefixCache()
    await engine.shutdown()
    let changes = told.withLock { $0 }
    let stored = changes.compactMap { if case .stored(_, _, let tokens, _) = $0 { tokens } else { nil } }
    #expect(Array(stored.joined().prefix(4 * size)) == Array(prompt.prefix(4 * size)))
    #expect(changes.suffix(2) == [.cleared, .cleared])
    var follower = Follower()
    follower.apply(changes)
    #expect(follower.blocks.isEmpty && follower.clearings == 2)
  }

  @Test func aScopeHasItsAdapter() {
    let adapters = [ModelAdapter(name: "a", hash: [1, 2]), ModelAdapter(name: "b", hash: [3, 4])]
    let scope = CacheScope(salt: [9]).adapted(by: adapters[1])
    #expect(scope.parts(of: adapters).adapter == adapters[1] && Array(scope.parts(of: adapters).salt) == [9])
    #expect(scope.parts(of: []).adapter == nil && CacheScope.shared.parts(of: adapters).adapter == nil)
  }
}
