import Foundation
import TestSupport
import Testing

@testable import InferCore

extension TemporaryFolder {
  var path: String { url.path }

  /// The names of its files, sorted.
  var files: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }

  func read(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: url.appending(path: name))) }
}

@Suite struct StateFileTests {
  static let identity = StateIdentity(
    model: Array(repeating: 1, count: 32), kvType: .f16, pageTokens: 4, layout: Array(repeating: 2, count: 32))
  private let tokens: [Int32] = [5, -1, 7, Int32.max, 9, 11]

  private func lease(_ tokens: [Int32], pages: [Int32], slots: [Int: Int32]) -> PrefixLease {
    PrefixLease(
      scope: CacheScope(salt: [7]), tokens: tokens, pages: pages,
      states: slots.sorted { $0.key < $1.key }.map { PrefixLease.State(position: $0.key, slot: $0.value) })
  }

  private func identity(_ type: KVType) -> StateIdentity {
    StateIdentity(model: Self.identity.model, kvType: type, pageTokens: 4, layout: Self.identity.layout)
  }

  /// Files hold the state to the bit, for every kind of piece and every format, from a position in mid-page too.
  @Test(arguments: StateStoreBytesTests.layouts, KVType.allCases)
  func stateIsReadAsItWasWritten(kinds: [StateKind], type: KVType) throws {
    let folder = try TemporaryFolder()
    let (source, target) = (try StateStoreBytesTests.store(kinds, type), try StateStoreBytesTests.store(kinds, type))
    for (start, first) in [(0, 0), (0, 4), (3, 0), (5, 0)] {
      StateStoreBytesTests.fill(source, seed: 3)
      StateStoreBytesTests.fill(target, seed: 4)
      let writer = StateFileWriter(identity: identity(type), store: source)
      let own = lease(tokens, pages: [5, 2], slots: [6: 1])
      let parent = start > 0 ? StateKey(bytes: Array(repeating: 9, count: 32)) : nil
      let header = writer.header(own, start..<6, parent: parent)
      #expect(try writer.write(own, [header], to: folder.url.appending(path: "a")))
      #expect(try folder.read("a").count == header.recordByteCount && folder.files == ["a"])

      let reader = try StateFileReader(at: folder.url.appending(path: "a"), maxTokens: 6)
      #expect(reader.headers == [header] && header.tokens == Array(tokens[start...]))
      let other = lease(tokens, pages: [0, 4], slots: [6: 2])
      #expect(try reader.read(0, into: other, from: first, target))
      let positions = max(start, first)..<6
      #expect(
        StateStoreBytesTests.bytes(target, positions, pages: [0, 4], slot: 2)
          == StateStoreBytesTests.bytes(source, positions, pages: [5, 2], slot: 1))
    }
  }

  /// Cut off anywhere, or with any byte changed, a file is refused, and nothing traps.
  @Test func everyDamageIsFound() throws {
    let folder = try TemporaryFolder()
    let store = try StateStoreBytesTests.store([.paged(heads: 1, headDimension: 2), .recurrent(count: 3)], .f16)
    StateStoreBytesTests.fill(store, seed: 5)
    let writer = StateFileWriter(identity: Self.identity, store: store)
    let own = lease(tokens, pages: [0, 1], slots: [3: 1, 6: 0])
    #expect(try writer.write(own, writer.headers(own), to: folder.url.appending(path: "whole")))
    let whole = try folder.read("whole")
    func readsWhole(_ bytes: [UInt8]) throws -> Bool {
      try folder.write("damaged", bytes)
      let reader = try StateFileReader(at: folder.url.appending(path: "damaged"), maxTokens: 6)
      #expect(reader.headers.count == 2)
      return try reader.headers.indices.allSatisfy { try reader.read($0, into: own, from: 0, store) }
    }
    #expect(try readsWhole(whole))
    for count in whole.indices {
      #expect(throws: StateFileError.self, "cut off at \(count)") { try readsWhole(Array(whole[..<count])) }
    }
    #expect(throws: StateFileError.self) { try readsWhole(whole + [0]) }
    for index in whole.indices {
      var bytes = whole
      bytes[index] ^= index % 2 == 0 ? 0x01 : 0x80
      #expect(throws: StateFileError.self, "byte \(index)") { try readsWhole(bytes) }
    }
  }

  /// Numbers that a header could only have from somebody who makes headers up.
  @Test func liesAreFound() throws {
    func count(_ start: UInt64, _ end: UInt64) throws -> Int {
      var bytes = StateFileHeader.magic
      bytes.append(littleEndian: StateIdentity.version)
      bytes += Array(repeating: 0, count: 140)
      bytes.append(littleEndian: start)
      bytes.append(littleEndian: end)
      bytes.append(littleEndian: UInt64.max)
      return try StateFileHeader.tokenCount(bytes, byteCount: 1000)
    }
    #expect(try count(3, 10) == 7)
    let lies: [(UInt64, UInt64)] = [
      (0, 0), (5, 4), (0, 251), (0, 1 << 31), (0, .max), (.max, .max), (.max - 1, .max),
    ]
    for (start, end) in lies {
      #expect(throws: StateFileHeader.Fault.self) { try count(start, end) }
    }
  }

  @Test func whatIsNoFileOfStateIsToldSo() throws {
    let folder = try TemporaryFolder()
    func fault(_ name: String) -> StateFileError? {
      let file = folder.url.appending(path: name)
      do throws(StateFileError) { _ = try StateFileReader(at: file, maxTokens: 10) } catch { return error }
      return nil
    }
    #expect(fault("none") == .missing(at: folder.url.appending(path: "none")))
    guard case .unreadable = fault("") else { return #expect(Bool(false), "a folder is read") }
    try folder.write("text", Array("something else".utf8))
    guard case .damaged = fault("text") else { return #expect(Bool(false), "a text is read") }
    var bytes = StateFileHeader.magic + [2, 0, 0, 0]
    bytes += Array(repeating: 0, count: StateFileHeader.fixedByteCount - bytes.count)
    try folder.write("later", bytes)
    guard case .foreign = fault("later") else { return #expect(Bool(false), "a later version is read") }
  }

  @Test func everyDifferenceIsNamed() {
    let own = Self.identity
    #expect(own.difference(from: own) == nil)
    let others = [
      StateIdentity(model: own.layout, kvType: .f16, pageTokens: 4, layout: own.layout),
      StateIdentity(model: own.model, kvType: .q8_0, pageTokens: 4, layout: own.layout),
      StateIdentity(model: own.model, kvType: .f16, pageTokens: 16, layout: own.layout),
      StateIdentity(model: own.model, kvType: .f16, pageTokens: 4, layout: own.model),
    ]
    #expect(
      Set(others.map { $0.difference(from: own) }).count == 4 && !others.contains { $0.difference(from: own) == nil })
    #expect(Set(([own] + others).map(\.hash)).count == 5)
  }

  /// A loan that is taken back ends the writing, and leaves no file.
  @Test func whatIsTakenBackIsNotWritten() throws {
    let folder = try TemporaryFolder()
    let store = try StateStoreBytesTests.store([.paged(heads: 1, headDimension: 2), .recurrent(count: 3)], .f16)
    var memory = SequenceMemory(pageTokens: 4, pageCount: 6, slotCount: 3, hasRecurrentState: true)
    let reserved = memory.reserve(tokens, states: [6], in: .shared)
    let lease = try #require(reserved)
    let isTaken = memory.takeBackLease()
    #expect(isTaken && memory.pages.takenCount == 0 && memory.slots.takenCount == 0)
    let writer = StateFileWriter(identity: Self.identity, store: store)
    #expect(try !writer.write(lease, writer.headers(lease), to: folder.url.appending(path: "a")))
    let isAdopted = memory.adopt(lease)
    #expect(folder.files.isEmpty && !isAdopted)
    memory.end(lease)
    #expect(memory.pages.freeCount == 6)
  }
}
