import TestSupport
import Testing

@testable import InferCore

@Suite struct StateStoreTests {
  private static let pageTokens = 7
  private static let heads = 3

  /// The first tokens of a page, in every format: all of their numbers as kernels find them, and nothing of the tokens
  /// behind.
  @Test(arguments: KVType.allCases, [0, 1, 4, 7]) func aPartOfAPageIsCopied(_ kvType: KVType, tokens: Int) throws {
    var layout = StateLayout()
    _ = layout.add(.recurrent(count: 5))
    let paged = layout.add(.paged(heads: Self.heads, headDimension: 32))
    let latent = layout.add(.latent(dimension: 64))
    let store = try StateStore(
      layout: layout, kvType: kvType, pageTokens: Self.pageTokens, pageCount: 4, slotCount: 1)
    let pages = PageLayout(headDimension: 32, isLatent: false, store)
    let rows = PageLayout(headDimension: 64, isLatent: true, store)
    for page in 0..<Int32(4) {
      for head in 0..<Self.heads {
        for token in 0..<Self.pageTokens {
          let base = unsafe store.page(page, of: paged)
          let mark = UInt8(Int(page) * 50 + head * 16 + token * 2)
          unsafe fill(base + pages.key(head: head, token: token), kvType.bytes(32), mark)
          unsafe fill(base + pages.value(head: head, token: token), kvType.bytes(32), mark + 1)
        }
      }
      for token in 0..<Self.pageTokens {
        unsafe fill(
          store.page(page, of: latent) + rows.key(head: 0, token: token), kvType.bytes(64),
          UInt8(Int(page) * 50 + token))
      }
    }
    let before = bytes(store, paged, latent)
    store.copyPage(from: 2, to: 1, tokens: tokens)
    let after = bytes(store, paged, latent)
    for page in [0, 2, 3] { #expect(after[page] == before[page], "page \(page) changed") }
    for token in 0..<Self.pageTokens {
      let source = token < tokens ? 2 : 1
      for head in 0..<Self.heads {
        let key = pages.key(head: head, token: token)..<pages.key(head: head, token: token) + kvType.bytes(32)
        let value = pages.value(head: head, token: token)..<pages.value(head: head, token: token) + kvType.bytes(32)
        #expect(after[1].paged[key] == before[source].paged[key], "key of head \(head), token \(token)")
        #expect(after[1].paged[value] == before[source].paged[value], "value of head \(head), token \(token)")
      }
      let row = rows.key(head: 0, token: token)..<rows.key(head: 0, token: token) + kvType.bytes(64)
      #expect(after[1].latent[row] == before[source].latent[row], "row of token \(token)")
    }
  }

  @Test func allPiecesOfASlotAreCopied() throws {
    var layout = StateLayout()
    let first = layout.add(.recurrent(count: 5))
    _ = layout.add(.paged(heads: 1, headDimension: 2))
    let second = layout.add(.recurrent(count: 40))
    let store = try StateStore(layout: layout, kvType: .f16, pageTokens: 2, pageCount: 1, slotCount: 3)
    for slot in 0..<Int32(3) {
      for (handle, count) in [(first, 5), (second, 40)] {
        for index in 0..<count { unsafe store.slot(slot, of: handle)[index] = Float(Int(slot) * 100 + index) }
      }
    }
    store.copySlot(from: 2, to: 0)
    for (slot, source) in [(Int32(0), 2), (1, 1), (2, 2)] {
      for (handle, count) in [(first, 5), (second, 40)] {
        for index in 0..<count { #expect(unsafe store.slot(slot, of: handle)[index] == Float(source * 100 + index)) }
      }
    }
  }

  /// A state that was cold is off by 1/250 of the largest of its block at most (1/254, and the scale has 11 bits), and what is
  /// behind the last whole block not at all.
  @Test func coldStateIsRoundedInBlocks() throws {
    var layout = StateLayout()
    let large = layout.add(.recurrent(count: 32 * 50 + 7))
    _ = layout.add(.paged(heads: 1, headDimension: 2))
    let small = layout.add(.recurrent(count: 5))
    let store = try StateStore(
      layout: layout, kvType: .f16, pageTokens: 2, pageCount: 1, slotCount: 2, coldSlotCount: 2)
    var random = SeededGenerator(seed: 1)
    let exact = (0..<32 * 50 + 7).map { index in
      Float.random(in: -1..<1, using: &random) * Float(sign: .plus, exponent: index / 128 - 6, significand: 1)
    }
    for (index, value) in exact.enumerated() { unsafe store.slot(0, of: large)[index] = value }
    for index in 0..<5 { unsafe store.slot(0, of: small)[index] = Float(index) / 3 }
    store.copySlot(from: 0, to: 3, try ThreadTeam(count: 2))
    var told: [UInt8] = []
    store.copy(.piece(large, slot: 3), to: &told)
    store.copySlot(from: 3, to: 1)
    var differs = false
    for block in stride(from: 0, to: exact.count, by: 32) {
      let values = exact[block..<min(block + 32, exact.count)]
      let bound = values.count == 32 ? values.map(abs).max()! / 250 : 0
      for index in values.indices {
        let found = unsafe store.slot(1, of: large)[index]
        #expect(abs(found - exact[index]) <= bound, "element \(index)")
        differs = differs || found != exact[index]
        let bits = told[4 * index..<4 * index + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
        #expect(Float(bitPattern: bits) == found)
      }
    }
    #expect(differs)
    for index in 0..<5 { #expect(unsafe store.slot(1, of: small)[index] == Float(index) / 3) }
  }

  /// Memory that is given back is zero when it is next read, and its neighbours stay as they are.
  @Test func whatIsGivenBackIsEmpty() throws {
    var layout = StateLayout()
    // A page of memory for each page and each slot, whatever its size on this machine.
    let paged = layout.add(.paged(heads: 16, headDimension: 64))
    let recurrent = layout.add(.recurrent(count: 16384))
    let store = try StateStore(
      layout: layout, kvType: .f32, pageTokens: 8, pageCount: 6, slotCount: 4, coldSlotCount: 3)
    for page in 0..<Int32(6) { unsafe store.page(page, of: paged).storeBytes(of: 7, as: UInt8.self) }
    for slot in 0..<Int32(4) { unsafe store.slot(slot, of: recurrent)[100] = 7 }
    for slot in 4..<Int32(7) {
      unsafe store.coldSlot(slot, of: recurrent).storeBytes(of: 7, toByteOffset: 9000, as: UInt8.self)
    }
    store.giveBack(pages: [0, 2, 3], slots: [1, 3, 4, 5])
    for slot in 4..<Int32(7) {
      let byte = unsafe store.coldSlot(slot, of: recurrent).load(fromByteOffset: 9000, as: UInt8.self)
      #expect(byte == (slot == 6 ? 7 : 0), "cold slot \(slot)")
    }
    for page in 0..<Int32(6) {
      let byte = unsafe store.page(page, of: paged).load(as: UInt8.self)
      #expect(byte == ([0, 2, 3].contains(page) ? 0 : 7), "page \(page)")
    }
    for slot in 0..<Int32(4) { #expect(unsafe store.slot(slot, of: recurrent)[100] == (slot % 2 == 1 ? 0 : 7)) }
  }

  private func fill(_ place: UnsafeMutableRawPointer, _ count: Int, _ mark: UInt8) {
    unsafe place.initializeMemory(as: UInt8.self, repeating: mark, count: count)
  }

  private struct Page: Equatable {
    let paged: [UInt8]
    let latent: [UInt8]
  }

  /// The bytes of all pages.
  private func bytes(_ store: StateStore, _ paged: StateHandle, _ latent: StateHandle) -> [Page] {
    func bytes(_ page: Int32, _ handle: StateHandle) -> [UInt8] {
      let count = store.pageTokens * store.layout.kinds[handle.index].bytesPerToken(store.kvType)
      return unsafe Array(UnsafeRawBufferPointer(start: store.page(page, of: handle), count: count))
    }
    return (0..<Int32(store.pageCount)).map { Page(paged: bytes($0, paged), latent: bytes($0, latent)) }
  }
}
