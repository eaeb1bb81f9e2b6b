import Foundation
import InferText
import TestSupport
import Testing

@testable import InferCore

@Suite struct SafetensorsTests {
  typealias Entry = SafetensorsBytes.Entry

  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func tensors(_ bytes: [UInt8]) throws -> TextDictionary<Tensor> {
    let file = try MappedFile(at: folder.write("model.safetensors", bytes))
    return TextDictionary(uniqueKeysWithValues: try Safetensors.tensors(in: file).map { ($0.name, $0) })
  }

  @Test(arguments: ["F32", "F16", "BF16"]) func numbersComeOutAsWritten(_ type: String) throws {
    let values: [Float] = [1, -2.5, 0, 1024, -0.125, 3]
    let all = try tensors(
      SafetensorsBytes.file(
        [
          Entry("matrix", [2, 3], values, type: type), Entry("scalar", [], [7], type: type),
          Entry("empty", [0, 3], [], type: type), Entry("last", [6], values, type: type),
        ], metadata: "{\"format\": \"pt\"}"))
    #expect(all.count == 4)
    #expect(try all["matrix"]?.floats() == values && all["matrix"]?.shape == [2, 3])
    #expect(try all["scalar"]?.floats() == [7] && all["scalar"]?.count == 1)
    #expect(try all["empty"]?.floats() == [])
    #expect(try all["last"]?.floats() == values)
    #expect(all["matrix"]?.format?.name == type)
  }

  /// Data may begin at any byte. Kernels read whole numbers, so such a tensor is copied to where it may lie.
  @Test(arguments: 0..<8, ["F32", "F16", "BF16"]) func dataMayBeginAnywhere(padding: Int, type: String) throws {
    let values = (0..<12).map { Float($0) - 4 }
    let bytes = SafetensorsBytes.file([Entry("w", [3, 4], values, type: type)], padding: padding)
    let matrix = try #require(tensors(bytes)["w"]).matrix(rows: 3, columns: 4)
    #expect(unsafe Int(bitPattern: matrix.base) % matrix.format.blockBytes == 0)
    #expect(matrix.floats() == values)
    #expect(matrix.rows(1..<3).floats() == Array(values[4...]))
  }

  /// What a file may lie about, and what the error has to say. Every tensor's error names tensor and file.
  static let lies: [(header: String, dataBytes: Int, says: [String])] = [
    ("", 0, ["header", "JSON"]),
    ("[]", 0, ["header is an array"]),
    ("{\"a\": ", 0, ["header", "JSON"]),
    ("{\"a\": {}, \"a\": {}}", 0, ["duplicate", "\"a\""]),
    ("{\"a\": 7}", 0, ["tensor a", "dtype"]),
    (entry(type: "\"Q7\""), 16, ["tensor a", "Q7"]),
    (entry(type: "32"), 16, ["tensor a", "dtype"]),
    (entry(shape: "[-2, -2]"), 16, ["tensor a", "-2"]),
    (entry(shape: "[2.5]"), 16, ["tensor a", "2.5"]),
    (entry(shape: "7"), 16, ["tensor a", "shape"]),
    (entry(shape: "[4611686018427387904, 8]"), 16, ["tensor a", "overflow"]),
    (entry(shape: "[9223372036854775807]"), 16, ["tensor a", "overflow"]),
    (entry(shape: "[99999999999999999999]"), 16, ["tensor a", "shape"]),
    (entry(shape: "[3]"), 16, ["tensor a", "12", "16"]),
    (entry(offsets: "[16, 0]"), 16, ["tensor a", "data_offsets"]),
    (entry(offsets: "[-16, 0]"), 16, ["tensor a", "data_offsets"]),
    (entry(offsets: "[0]"), 16, ["tensor a", "data_offsets"]),
    (entry(offsets: "[0, 16, 32]"), 16, ["tensor a", "data_offsets"]),
    (entry(offsets: "\"0-16\""), 16, ["tensor a", "data_offsets"]),
    (entry(offsets: "[0, 1e300]"), 16, ["tensor a", "data_offsets"]),
    (entry(offsets: "[9223372036854775791, 9223372036854775807]"), 16, ["tensor a", "truncated"]),
    (entry(), 15, ["tensor a", "truncated", "16", "15"]),
    (entry(offsets: "[8, 24]"), 16, ["tensor a", "truncated"]),
    (
      "{\"a\": \(body()), \"b\": \(body(offsets: "[8, 24]"))}", 24, ["tensor b", "overlaps a"]
    ),
    (String(repeating: "[", count: 5_000), 0, ["header", "deep"]),
    ("{\"a\": \"\u{FFFD}", 0, ["header"]),
  ]

  private static func body(
    type: String = "\"F32\"", shape: String = "[2, 2]", offsets: String = "[0, 16]"
  ) -> String {
    "{\"dtype\": \(type), \"shape\": \(shape), \"data_offsets\": \(offsets)}"
  }

  private static func entry(
    type: String = "\"F32\"", shape: String = "[2, 2]", offsets: String = "[0, 16]"
  ) -> String {
    "{\"a\": \(body(type: type, shape: shape, offsets: offsets))}"
  }

  @Test(arguments: lies.indices) func liesAreNamed(_ index: Int) throws {
    let lie = Self.lies[index]
    let bytes = SafetensorsBytes.file(header: lie.header, data: Array(repeating: 1, count: lie.dataBytes))
    let error = #expect(throws: ModelError.self) { try tensors(bytes) }
    for word in lie.says + ["model.safetensors"] {
      #expect("\(error, default: "nothing")".contains(word), "\(lie.header.prefix(100))")
    }
  }

  @Test(arguments: [UInt64(0), 3, 1_000, 99_999_999, 100_000_001, 1 << 62, .max])
  func headerLengthsAreChecked(_ length: UInt64) throws {
    let bytes = SafetensorsBytes.file(header: Self.entry(), data: Array(repeating: 1, count: 16), length: length)
    let error = #expect(throws: ModelError.self) { try tensors(bytes) }
    #expect("\(error, default: "nothing")".contains("model.safetensors"))
  }

  @Test func filesThatAreNone() throws {
    let path = folder.url.path
    func reason(_ name: String) -> String {
      let error = #expect(throws: ModelError.self) { try MappedFile(at: folder.url.appending(path: name)) }
      #expect("\(error, default: "nothing")".contains(path + "/" + name))
      return "\(error, default: "nothing")"
    }
    try folder.write("empty", [])
    #expect(reason("empty").contains("empty"))
    #expect(reason("missing").contains("No such file"))
    try FileManager.default.createDirectory(at: folder.url.appending(path: "folder"), withIntermediateDirectories: true)
    #expect(reason("folder").contains("not a regular file"))
    // A pipe that nobody writes to must not be waited for.
    let made = unsafe mkfifo(path + "/pipe", 0o600)
    #expect(made == 0)
    #expect(reason("pipe").contains("not a regular file"))
    if geteuid() != 0 {
      try folder.write("secret", [1])
      try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: path + "/secret")
      #expect(reason("secret").contains("denied"))
    }
    for count in 1..<8 {
      #expect(throws: ModelError.self) { try tensors(Array(repeating: 0, count: count)) }
    }
  }

  /// Damaged at random, a file is refused or read within its bounds.
  @Test func damagedFilesNeverTrap() throws {
    var generator = SeededGenerator(seed: 21)
    let good = SafetensorsBytes.file(
      [
        Entry("model.a.weight", [2, 3], generator.floats(6)), Entry("b", [4], generator.floats(4), type: "BF16"),
        Entry("c", [], [1], type: "F16"), Entry("d", [2], type: "I64", bytes: Array(repeating: 3, count: 16)),
        Entry("e", [0], []),
      ], metadata: "{\"format\": \"pt\"}")
    let interesting = Array("0123456789-.eE[]{}\",: Fnull".utf8) + [0, 255]
    var read = 0
    for _ in 0..<1_500 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1: bytes[place] = interesting.randomElement(using: &generator) ?? 0
        case 2: bytes.removeLast(min(place, bytes.count - 1))
        case 3: bytes.remove(at: place)
        default: bytes.insert(interesting.randomElement(using: &generator) ?? 0, at: place)
        }
        if bytes.isEmpty { bytes = [0] }
      }
      do {
        for tensor in try tensors(bytes).values where tensor.format != nil { read += try tensor.floats().count }
      } catch let error as ModelError {
        #expect("\(error)".contains("model.safetensors"))
      }
    }
    #expect(read > 500, "most damage was in the header alone")
  }
}
