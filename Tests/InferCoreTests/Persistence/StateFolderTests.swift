import Foundation
import TestSupport
import Testing

@testable import InferCore

@Suite struct StateFolderTests {
  private let identity = StateFileTests.identity
  private let scope = CacheScope.shared.hash
  private let text: [Int32] = (0..<100).map { $0 * 3 }

  /// Writes a file of state without bytes, and returns its key.
  @discardableResult private func write(
    _ tokens: [Int32], from start: Int, parent: StateKey?, in folder: TemporaryFolder, identity: StateIdentity? = nil,
    scope: CacheScope = .shared
  ) throws -> StateKey {
    let identity = identity ?? self.identity
    let store = try StateStoreBytesTests.store([.recurrent(count: 100)], .f16)
    let lease = PrefixLease(
      scope: scope, tokens: tokens, pages: Array(repeating: 0, count: tokens.count / 4 + 1),
      states: [PrefixLease.State(position: tokens.count, slot: 0)])
    var hasher = StateKey.Hasher(identity, scope: scope.hash)
    hasher.add(tokens)
    let writer = StateFileWriter(identity: identity, store: store)
    let file = folder.url.appending(path: "\(hasher.key.name).state")
    #expect(try writer.write(lease, [writer.header(lease, start..<tokens.count, parent: parent)], to: file))
    return hasher.key
  }

  private func open(_ folder: TemporaryFolder, limit: Int = 1 << 20) throws -> StateFolder {
    var opened = StateFolder(at: folder.url, byteLimit: limit, identity: identity)
    try opened.open(maxTokens: 100)
    for file in opened.takeGarbage() { try FileManager.default.removeItem(at: file) }
    return opened
  }

  private func prefix(_ count: Int) -> [Int32] { Array(text.prefix(count)) }

  @Test func theLongestPrefixIsFoundAfterAReopening() throws {
    let folder = try TemporaryFolder()
    let first = try write(prefix(20), from: 0, parent: nil, in: folder)
    let second = try write(prefix(50), from: 20, parent: first, in: folder)
    let other = try write(prefix(20) + [-1, -2], from: 20, parent: first, in: folder)
    try write(prefix(10), from: 0, parent: nil, in: folder, scope: CacheScope(salt: [1]))
    let index = try open(folder).index
    #expect(index.count == 4)
    let matches = [(100, 50), (50, 50), (49, 20), (19, 0)]
    for (limit, tokens) in matches { #expect(index.match(text, limit: limit, in: scope).tokens == tokens) }
    #expect(index.match(text, limit: 100, in: scope).path == [first, second])
    #expect(index.match(prefix(20) + [-1, -2, -3], limit: 23, in: scope).path == [first, other])
    #expect(index.match(text, limit: 100, in: CacheScope(salt: [1]).hash).tokens == 10)
    #expect(index.match(text, limit: 100, in: CacheScope(salt: [2]).hash).tokens == 0)
  }

  /// Half-written files, damaged ones, those under another's name and those that nothing leads to are removed; another
  /// model's stay while there is room, and files that are no state stay anyway.
  @Test func anOpenedFolderHoldsWhatIsOfUse() throws {
    let folder = try TemporaryFolder()
    let first = try write(prefix(20), from: 0, parent: nil, in: folder)
    try write(prefix(50), from: 20, parent: first, in: folder)
    let lost = try write(prefix(70), from: 30, parent: StateKey(bytes: Array(repeating: 3, count: 32)), in: folder)
    let foreign = StateIdentity(model: identity.layout, kvType: .f16, pageTokens: 4, layout: identity.layout)
    let others = try write(prefix(30), from: 0, parent: nil, in: folder, identity: foreign)
    let whole = try folder.read("\(first.name).state")
    try folder.write(String(lost.name.reversed()) + ".state", whole)
    try folder.write("cut.state", Array(whole.dropLast(5)))
    try folder.write("\(first.name).state.partial-123", [1, 2, 3])
    try folder.write("notes.txt", [1, 2, 3])
    var opened = try open(folder)
    #expect(opened.index.count == 2)
    let left = folder.files
    #expect(left.count == 4 && left.contains("notes.txt") && left.contains("\(others.name).state"))

    // Another model's file goes first, then what was used longest ago and nothing goes on from.
    let hasRoom = opened.makeRoom(for: (1 << 20) - opened.byteCount + 1, keeping: [])
    let garbage = opened.takeGarbage()
    #expect(hasRoom && garbage == [folder.url.appending(path: "\(others.name).state")] && opened.index.count == 2)
    let hasMore = opened.makeRoom(for: (1 << 20) - opened.byteCount + 1, keeping: [])
    #expect(hasMore && opened.index.count == 1 && opened.index[first] != nil)
    let beside = opened.makeRoom(for: 1 << 20, keeping: [first])
    let tooLarge = opened.makeRoom(for: 1 << 21, keeping: [])
    #expect(!beside && !tooLarge && opened.index.count == 1)
  }

  @Test func theOldestGoesAndTheUsedStays() throws {
    let folder = try TemporaryFolder()
    var keys: [StateKey] = []
    for index in 0..<8 { keys.append(try write([Int32(index), 1, 2], from: 0, parent: nil, in: folder)) }
    var opened = try open(folder)
    let size = opened.byteCount / 8
    opened = try open(folder, limit: size * 8)
    opened.use([keys[0], keys[3]])
    for expected in 1...6 {
      let hasRoom = opened.makeRoom(for: size * expected, keeping: [])
      #expect(hasRoom)
      #expect(opened.index[keys[0]] != nil && opened.index[keys[3]] != nil && opened.index.count == 8 - expected)
    }
    // A smaller bound holds from the start.
    #expect(try open(folder, limit: size * 2).index.count == 2)
    #expect(folder.files.count == 2)
  }

  @Test func whatIsDamagedGoesWithWhatGoesOnFromIt() throws {
    let folder = try TemporaryFolder()
    let first = try write(prefix(20), from: 0, parent: nil, in: folder)
    let second = try write(prefix(50), from: 20, parent: first, in: folder)
    try write(prefix(60), from: 50, parent: second, in: folder)
    var opened = try open(folder)
    opened.discard(second)
    let garbage = opened.takeGarbage()
    #expect(opened.index.count == 1 && garbage.count == 2)
    #expect(opened.index.match(text, limit: 100, in: scope).tokens == 20)
  }
}
