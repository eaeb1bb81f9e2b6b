import Foundation
import InferText
import TestSupport
import Testing

@testable import InferCore

@Suite struct GGUFTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func open(_ bytes: [UInt8]) throws -> GGUF {
    try GGUF(MappedFile(at: folder.write("model.gguf", bytes)))
  }

  private func problem(_ bytes: [UInt8]) -> String {
    let error = #expect(throws: ModelError.self) { _ = try open(bytes) }
    return "\(error, default: "nothing")"
  }

  /// A file with a value of every kind and tensors of some.
  private static func good(version: UInt32 = 3) -> GGUFBytes {
    var file = GGUFBytes(version: version, tensors: 3, values: 14)
    file.append(key: "u8", kind: 0)
    file.append(UInt8(200))
    file.append(key: "i8", kind: 1)
    file.append(Int8(-100))
    file.append(key: "u16", kind: 2)
    file.append(UInt16(60_000))
    file.append(key: "i16", kind: 3)
    file.append(Int16(-30_000))
    file.append(key: "u32", kind: 4)
    file.append(UInt32(4_000_000_000))
    file.append(key: "i32", kind: 5)
    file.append(Int32(-2_000_000_000))
    file.append(key: "f32", kind: 6)
    file.append(Float(1.5).bitPattern)
    file.append(key: "bool", kind: 7)
    file.append(UInt8(1))
    file.append(key: "string", kind: 8)
    file.append("Grüße")
    file.append(key: "array", kind: 9)
    file.append(UInt32(9))
    file.append(UInt64(2))
    for text in [["a", ""], ["b"]] {
      file.append(UInt32(8))
      file.append(UInt64(text.count))
      for text in text { file.append(text) }
    }
    file.append(key: "u64", kind: 10)
    file.append(UInt64.max)
    file.append(key: "i64", kind: 11)
    file.append(Int64.min)
    file.append(key: "f64", kind: 12)
    file.append(0.1.bitPattern)
    file.append(key: "general.alignment", kind: 4)
    file.append(UInt32(64))
    file.append(tensor: "b", sizes: [32, 2], type: 8, offset: 64)
    file.append(tensor: "a", sizes: [2, 1, 3], type: 1, offset: 0)
    file.append(tensor: "c", sizes: [], type: 26, offset: 192)
    file.append(data: (0..<196).map { UInt8($0) }, alignment: 64)
    return file
  }

  @Test(arguments: [2, 3] as [UInt32]) func everyKindOfValueAndTensor(version: UInt32) throws {
    let file = try open(Self.good(version: version).bytes)
    #expect(
      file.metadata == [
        "u8": .unsigned(200), "i8": .signed(-100), "u16": .unsigned(60_000), "i16": .signed(-30_000),
        "u32": .unsigned(4_000_000_000), "i32": .signed(-2_000_000_000), "f32": .number(1.5), "bool": .bool(true),
        "string": .string("Grüße"), "array": .array([.array([.string("a"), .string("")]), .array([.string("b")])]),
        "u64": .unsigned(.max), "i64": .signed(.min), "f64": .number(0.1), "general.alignment": .unsigned(64),
      ])
    #expect(file.tensors.map(\.name) == ["a", "b", "c"])
    #expect(file.tensors.map(\.type) == ["F16", "Q8_0", "I32"])
    #expect(file.tensors.map(\.shape) == [[3, 1, 2], [2, 32], []])
    #expect(file.tensors.map(\.byteCount) == [12, 68, 4])
    let halves = (0..<6).map { Float(Float16(bitPattern: UInt16(2 * $0) | UInt16(2 * $0 + 1) << 8)) }
    #expect(try file.tensors[0].floats() == halves)
    #expect(try file.tensors[2].integers() == [192 | 193 << 8 | 194 << 16 | 195 << 24])
  }

  /// What is told of a head that `build` puts together.
  private func problem(
    tensors: UInt64 = 0, values: UInt64 = 0, version: UInt32 = 3, _ build: (inout GGUFBytes) -> Void
  ) -> String {
    var file = GGUFBytes(version: version, tensors: tensors, values: values)
    build(&file)
    return problem(file.bytes)
  }

  @Test func headsThatAreNone() {
    #expect(problem(Array("GGU".utf8)).contains("does not begin with \"GGUF\""))
    #expect(problem(Array("GGML".utf8) + Array(repeating: 0, count: 20)).contains("does not begin"))
    #expect(problem(Array("GGUF".utf8)).contains("truncated"))
    #expect(problem(version: 1) { _ in }.contains("version 1, of August 2023, is not supported; expected 2 or 3"))
    #expect(problem(version: 4) { _ in }.contains("version 4"))
    #expect(problem(version: 3 << 24) { _ in }.contains("big-endian"))
    #expect(problem(tensors: 1) { _ in }.contains("1 items cannot be in the 8 bytes"))
    #expect(problem(values: .max) { $0.append(raw: Array(repeating: 0, count: 99)) }.contains("items cannot be in"))
  }

  @Test func valuesThatLie() {
    func value(_ kind: UInt32, _ build: (inout GGUFBytes) -> Void) -> String {
      problem(values: 1) {
        $0.append(key: "some.key", kind: kind)
        build(&$0)
        $0.append(raw: [])
      }
    }
    #expect(value(13) { _ in }.contains("metadata some.key: value type 13, expected 0 … 12"))
    #expect(value(4) { $0.append(UInt8(1)) }.contains("some.key: 4 bytes at byte"))
    #expect(value(7) { $0.append(UInt8(2)) }.contains("truth value 2, expected 0 or 1"))
    #expect(value(8) { $0.append("text", length: 5) }.contains("5 bytes at byte"))
    #expect(value(8) { $0.append("text", length: .max) }.contains("truncated or damaged"))
    let broken = value(8) {
      $0.append(UInt64(2))
      $0.append(raw: [0xc3, 0x28])
    }
    #expect(broken.contains("a string is no UTF-8 text"))
    let long = value(9) {
      $0.append(UInt32(8))
      $0.append(UInt64(1) << 61)
    }
    #expect(long.contains("items cannot be in the 0 bytes"))
    let deep = value(9) {
      for _ in 0..<4 {
        $0.append(UInt32(9))
        $0.append(UInt64(1))
      }
      $0.append(raw: Array(repeating: 0, count: 12))
    }
    #expect(deep.contains("nested deeper than 4"))
    let many = value(9) {
      $0.append(UInt32(0))
      $0.append(UInt64(1 << 22 + 1))
      $0.append(raw: Array(repeating: 0, count: 1 << 22 + 1))
    }
    #expect(many.contains("metadata some.key: arrays of more than 4194304 values in all"))
    let twice = problem(values: 2) {
      for _ in 0..<2 {
        $0.append(key: "k", kind: 4)
        $0.append(UInt32(1))
      }
    }
    #expect(twice.contains("metadata k: is there twice"))
    for alignment: UInt32 in [0, 4, 24, 1 << 17, .max] {
      let text = problem(values: 1) {
        $0.append(key: "general.alignment", kind: 4)
        $0.append(alignment)
      }
      #expect(text.contains("general.alignment: \(alignment), expected a power of two"))
    }
  }

  @Test(
    arguments: [
      ([4], 0, 4, "begins at byte 4 of the data, expected a multiple of 32"),
      ([40], 0, 0, "takes 160 bytes from byte 0 of 128 bytes of data: truncated"),
      ([1], 0, 128, "takes 4 bytes from byte 128"), ([1], 0, UInt64.max / 32 * 32, "truncated"),
      ([31], 8, 0, "rows of 31 are no multiple of Q8_0's block of 32"), ([128, 2], 12, 0, "Q4_K's block of 256"),
      ([32], 15, 0, "element type Q8_K (15) is not supported; expected one of F32, F16"),
      ([128], 10, 0, "rows of 128 are no multiple of Q2_K's block of 256"),
      ([128], 29, 0, "rows of 128 are no multiple of IQ1_M's block of 256"),
      ([96], 40, 0, "rows of 96 are no multiple of NVFP4's block of 64"),
      ([256, 3], 11, 0, "takes 330 bytes from byte 0 of 128 bytes of data: truncated"),
      ([32], 4, 0, "element type 4 is not supported"), ([32], .max, 0, "is not supported"),
      ([1, 1, 1, 1, 1], 0, 0, "5 dimensions, expected at most 4"),
      ([UInt64.max], 0, 0, "a size of 18446744073709551615"),
      ([1 << 32, 1 << 32], 0, 0, "overflow"), ([1 << 62], 24, 0, "beyond any file"),
      ([1 << 61, 1 << 1], 8, 0, "beyond any file"), ([0, 1 << 62, 1 << 62], 0, 0, "a size of 0"),
    ] as [([UInt64], UInt32, UInt64, String)])
  func tensorsThatLie(_ sizes: [UInt64], _ type: UInt32, _ offset: UInt64, _ expected: String) {
    let text = problem(tensors: 1) {
      $0.append(tensor: "a.weight", sizes: sizes, type: type, offset: offset)
      $0.append(data: Array(repeating: 0, count: 128))
    }
    #expect(text.contains("tensor a.weight: ") && text.contains(expected), "\(text)")
    #expect(text.contains("model.gguf"))
  }

  @Test func tensorsOnTopOfEachOther() {
    func two(_ name: String, _ offset: UInt64) -> String {
      problem(tensors: 2) {
        $0.append(tensor: "a", sizes: [16])
        $0.append(tensor: name, sizes: [16], offset: offset)
        $0.append(data: Array(repeating: 0, count: 128))
      }
    }
    #expect(two("b", 32).contains("tensor b: overlaps a"))
    #expect(two("a", 64).contains("tensor a: is there twice"))
  }

  /// Whatever happens to a file, opening it throws or gives tensors that can be read to their last byte.
  @Test func damagedFilesNeverTrap() throws {
    let good = Self.good().bytes
    var generator = SeededGenerator(seed: 3)
    var opened = 0
    for round in 0..<4000 {
      var bytes = good
      for _ in 0...Int.random(in: 0..<3, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch round % 4 {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 2: bytes.removeSubrange(place..<min(bytes.count, place + 1 + round % 9))
        default: bytes = Array(bytes.prefix(max(1, place)))
        }
        if bytes.isEmpty { bytes = [0] }
      }
      do {
        let file = try open(bytes)
        opened += 1
        for tensor in file.tensors where tensor.format != nil { _ = try tensor.floats() }
      } catch is ModelError {}
    }
    #expect(opened > 0 && opened < 4000)
  }

  // MARK: Writing

  @Test func whatIsWrittenIsRead() throws {
    var generator = SeededGenerator(seed: 4)
    let file = folder.url.appending(path: "out.gguf")
    let matrices = WeightFormat.writable.enumerated().map { index, format in
      Matrix(format: format, rows: index + 1, columns: 256, values: generator.floats((index + 1) * 256))
    }
    let odd = Matrix(format: .f16, rows: 3, columns: 5, values: generator.floats(15))
    let writer = try GGUFWriter(
      at: file, metadata: [("general.name", .string("ü")), ("n", .unsigned(7))],
      tensors: [.init(name: "odd", shape: [3, 1, 5], format: .f16)]
        + matrices.map { .init(name: $0.format.name, shape: [$0.rows, 256], format: $0.format) })
    try writer.write(odd)
    for matrix in matrices { try writer.write(matrix) }
    #expect(!FileManager.default.fileExists(atPath: file.path))
    try writer.finish()
    let written = try GGUF(MappedFile(at: file))
    #expect(written.metadata == ["general.name": .string("ü"), "n": .unsigned(7)])
    #expect(written.tensors.map(\.name) == ["odd"] + WeightFormat.writable.map(\.name))
    #expect(written.tensors[0].shape == [3, 1, 5] && written.tensors.allSatisfy { $0.place.offset % 32 == 0 })
    for (tensor, matrix) in zip(written.tensors, [odd] + matrices) {
      #expect(try tensor.floats() == matrix.floats(), "\(tensor.name)")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["out.gguf"])
  }

  @Test func filesThatCannotBeWritten() throws {
    let places = [folder.url, folder.url.appending(path: "none/x.gguf"), URL(filePath: "/dev/null")]
    for place in places {
      let error = #expect(throws: ModelError.self) { _ = try GGUFWriter(at: place, metadata: [], tensors: []) }
      #expect("\(error, default: "nothing")".contains("cannot write \(place.path)"))
    }
    let file = folder.url.appending(path: "x.gguf")
    do {
      let writer = try GGUFWriter(at: file, metadata: [], tensors: [.init(name: "a", shape: [1], format: .f32)])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).count == 1)
      withExtendedLifetime(writer) {}
    }
    // It was never finished.
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == [])
  }
}
