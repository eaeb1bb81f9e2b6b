import Testing

@testable import InferCore

@Suite struct SHA256Tests {
  private func hexadecimal(_ bytes: [UInt8]) -> String {
    StateKey(bytes: bytes).name
  }

  /// The examples of FIPS 180-4, also in parts, and a copy that goes on by itself.
  @Test func hashesAreThoseOfTheStandard() {
    #expect(
      hexadecimal(SHA256.hash(data: Array("abc".utf8)))
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    let long = Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8)
    var hash = SHA256()
    hash.update(data: Array(long[..<20]))
    var copy = hash
    copy.update(data: [1])
    hash.update(data: Array(long[20...]))
    #expect(hexadecimal(hash.finalize()) == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
    #expect(copy.finalize() == SHA256.hash(data: Array(long[..<20]) + [1]))
    #expect(
      hexadecimal(SHA256.hash(data: [])) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
  }
}
