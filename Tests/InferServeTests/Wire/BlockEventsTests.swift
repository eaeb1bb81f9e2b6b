import InferCore
import Testing

@testable import infer_serve

/// Events of a prefix cache, held to what `cbor2`, `hashlib` and `msgpack` of Python make of the same blocks.
@Suite struct BlockEventsTests {
  private func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  @Test func hashesAreThoseOfVLLM() {
    #expect(hexadecimal(BlockHash.root.bytes) == "4e1195df020de59e0d65a33a4279f1183e7ae4e5d980e309f8b55adff2e61c3e")
    let first = BlockHash(behind: .root, Array(0..<16), keys: [])
    #expect(hexadecimal(first.bytes) == "d830de3d42c00f25a2949b5d12d98642664a44872c1614c5b0147556276afc9c")
    #expect(first.number == 12_687_895_063_098_490_012)
    // All lengths of numbers.
    let second = BlockHash(behind: first, [0, 23, 24, 255, 256, 65535, 65536, .max], keys: [])
    #expect(hexadecimal(second.bytes) == "53fcf33d09186ff10279082f98499f4c2e3541a1a0e821f440be32a44f2d57a3")
    let other = BlockHash(behind: .root, [1, 2], keys: ["fr", "salt"])
    #expect(hexadecimal(other.bytes) == "a6ce3bca240af1d5d02105d4e838456ba6f12f301f450760dbb8aae5a9f91b04")
  }

  @Test func batchesAreInTheFormOfVLLM() {
    let french = ModelAdapter(name: "french", hash: [1, 2, 3])
    let mine = CacheScope(salt: Array("mine".utf8))
    var events = BlockEvents()
    let changes: [BlockChange] = [
      .cleared,
      .stored(1, behind: nil, tokens: [7, 300], scope: .shared),
      .stored(2, behind: 1, tokens: [70_000, 1], scope: .shared),
      .stored(3, behind: nil, tokens: [7, 300], scope: mine),
      .stored(4, behind: 3, tokens: [8, 9], scope: mine),
      .stored(5, behind: nil, tokens: [7, 300], scope: CacheScope.shared.adapted(by: french)),
      .stored(6, behind: nil, tokens: [7, 300], scope: mine.adapted(by: french)),
      // Not behind the last one.
      .stored(7, behind: 1, tokens: [1, 2], scope: .shared),
      .removed(7), .removed(2), .cleared,
    ]
    let expected = """
      93cb3ff80000000000009891b0416c6c426c6f636b73436c656172656498ab426c6f636b53746f72656492cffcdb3927be021db2cff1\
      3b14e21ba8b723c09407cd012cce000111700102c0c0c099ab426c6f636b53746f72656492cf7945a83dd2fac4b9cf27d76b0b75c846\
      b2c09407cd012c080902c0c0c09291d94033666433303534326665336636316231346264346134623264633062366662333066613666\
      363365626365353264643137373861616138633464633032636666c098ab426c6f636b53746f72656491cf290d2c0f9bb018adc09207\
      cd012c02c0c0a66672656e636899ab426c6f636b53746f72656491cf096b97a471b914afc09207cd012c02c0c0a66672656e63689191\
      d94033666433303534326665336636316231346264346134623264633062366662333066613666363365626365353264643137373861\
      61613863346463303263666698ab426c6f636b53746f72656491cfe39443cde1be59e3cffcdb3927be021db292010202c0c0c093ac42\
      6c6f636b52656d6f76656492cfe39443cde1be59e3cff13b14e21ba8b723c091b0416c6c426c6f636b73436c656172656400
      """
    #expect(hexadecimal(events.batch(changes.map { ($0, [french]) }, at: 1.5)) == expected)
    // A block whose end was told is not told of again, and numbers begin anew.
    let rest = events.batch([(.removed(1), []), (.stored(1, behind: nil, tokens: [5], scope: .shared), [])], at: 0)
    #expect(rest.suffix(rest.count - 10).starts(with: [0x91]))
  }

  @Test func longValuesHaveTheirLengths() {
    var writer = MessagePackWriter()
    writer.beginArray(70_000)
    writer.write(String(repeating: "x", count: 300))
    #expect(hexadecimal(writer.bytes).hasPrefix("dd00011170da012c7878"))
  }
}
