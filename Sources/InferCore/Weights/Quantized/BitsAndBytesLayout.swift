internal import InferText

/// Weights as bitsandbytes stores them. Those of eight bits are `NAME.weight` in I8 with `NAME.SCB`, the largest magnitude of
/// each row; they become Q8_0. Those of four bits are places in a table of sixteen numbers (NF4, FP4), in `NAME.weight`, with
/// the largest magnitude of each block of the matrix in `NAME.weight.absmax`, which may be quantised itself; they become
/// numbers of the type that the file names.
package struct BitsAndBytesLayout: QuantizedLayout {
  /// A layout.
  package init() {}

  package func stem(of tensor: Tensor) -> String? {
    tensor.name.removing(exactSuffix: ".SCB") ?? tensor.name.removing(exactSuffix: ".weight.absmax")
  }

  package func weights(_ parts: inout QuantizedParts) throws(ModelError) -> [Tensor] {
    let codes = try parts.need(".weight", "the weights that \(parts.stem) has scales of")
    guard let scales = parts.find(".SCB") else { return [try BitsAndBytesTable(codes, &parts).tensor] }
    guard codes.type == "I8", codes.shape.count == 2, let rows = codes.shape.first else {
      throw .tensor(name: codes.name, reason: "is \(codes.shape) in \(codes.type), expected a matrix in I8")
    }
    try scales.expect(["F32"], [[rows]], "the largest magnitudes of the rows of \(codes.name)")
    if let form = parts.find(".weight_format") {
      try form.expect(["U8"], [[], [1]], "the order of the weights")
      guard form.storedBytes == [0] else {
        throw .tensor(name: form.name, reason: "is \(form.storedBytes), expected 0, weights row by row")
      }
    }
    let matrix = GroupedCodes(
      rows: rows, columns: codes.shape[1], bits: 8, order: .bytes,
      scales: .init(type: .f32, rowStep: 1, groupStep: 1, divisor: 127), zeros: .same(0), groupSize: codes.shape[1])
    return [try matrix.tensor(codes.name, [codes, scales])]
  }
}

/// A matrix of four bits, whose blocks run on from row to row.
private struct BitsAndBytesTable: Sendable {
  private let codes: Tensor
  private let parts: [Tensor]
  private let shape: (rows: Int, columns: Int)
  private let format: WeightFormat
  private let blockSize: Int
  /// The scales of scales: how many share one, and what is added; `nil` where these are numbers.
  private let nested: (blockSize: Int, offset: Float)?
  private let kinds = ["nf4", "fp4"]

  init(_ codes: Tensor, _ found: inout QuantizedParts) throws(ModelError) {
    self.codes = codes
    var description: Tensor?
    for kind in kinds where description == nil { description = found.find(".weight.quant_state.bitsandbytes__\(kind)") }
    guard let description else {
      throw .tensor(
        name: "\(codes.name).quant_state.bitsandbytes__nf4", reason: "is missing, expected the shape of \(codes.name)")
    }
    func wrong(_ reason: String) -> ModelError { .tensor(name: description.name, reason: reason) }
    guard description.type == "U8", description.byteCount <= 1 << 16,
      let json = try? JSONValue(parsing: description.storedBytes, options: .configuration)
    else { throw wrong("is no JSON, expected the shape of \(codes.name)") }
    func size(_ value: JSONValue?, _ key: String) throws(ModelError) -> Int {
      guard let size = value?.int, 1...(1 << 20) ~= size else {
        throw wrong("\(key) is \(value?.serialized() ?? "missing"), expected a size")
      }
      return size
    }
    guard json["shape"]?.array?.count == 2 else {
      throw wrong("shape is \(json["shape"]?.serialized() ?? "missing"), expected rows and columns")
    }
    shape = (try size(json["shape"]?[0], "shape"), try size(json["shape"]?[1], "shape"))
    blockSize = try size(json["blocksize"], "blocksize")
    let types: [String: WeightFormat] = ["float16": .f16, "bfloat16": .bf16, "float32": .f32]
    guard let format = types[json["dtype"]?.string ?? ""] else {
      throw wrong("dtype is \(json["dtype"]?.serialized() ?? "missing"), expected float16, bfloat16 or float32")
    }
    self.format = format
    let count = shape.rows * shape.columns
    let bytes = (count + 1) / 2
    try codes.expect(
      ["U8"], [[bytes, 1], [1, bytes], [bytes]], "two codes of \(shape.rows) × \(shape.columns) a byte")
    let table = try found.need(".weight.quant_map", "the numbers that codes of \(codes.name) stand for")
    try table.expect(["F32"], [[16]], "the numbers that codes of \(codes.name) stand for")
    let blocks = (count - 1) / blockSize + 1
    let scales = try found.need(".weight.absmax", "the scales of \(codes.name)")
    guard let nestedScales = found.find(".weight.nested_absmax") else {
      try scales.expect(["F32"], [[blocks]], "the scales of \(codes.name)")
      (parts, nested) = ([codes, table, scales], nil)
      return
    }
    try scales.expect(["U8"], [[blocks]], "the codes of scales of \(codes.name)")
    let nestedSize = try size(json["nested_blocksize"], "nested_blocksize")
    try nestedScales.expect(["F32"], [[(blocks - 1) / nestedSize + 1]], "the scales of scales of \(codes.name)")
    let nestedTable = try found.need(".weight.nested_quant_map", "the numbers that codes of scales stand for")
    try nestedTable.expect(["F32"], [[256]], "the numbers that codes of scales of \(codes.name) stand for")
    guard let offset = json["nested_offset"]?.double, offset.isFinite else {
      throw wrong("nested_offset is \(json["nested_offset"]?.serialized() ?? "missing"), expected a number")
    }
    nested = (nestedSize, Float(offset))
    parts = [codes, table, scales, nestedScales, nestedTable]
  }

  /// The matrix.
  var tensor: Tensor {
    let derivation = unsafe Derivation(rows: shape.rows, of: parts) { range, parts, target in
      unsafe write(range, parts, to: target)
    }
    return Tensor(
      name: codes.name, type: format.name, shape: [shape.rows, shape.columns],
      byteCount: format.bytes(shape.rows * shape.columns), source: .derived(derivation))
  }

  private func scale(_ block: Int, _ parts: [UnsafeRawPointer]) -> Float {
    guard let nested else { return unsafe ScaleType.f32.load(parts[2], block) }
    let code = Int(unsafe parts[2].load(fromByteOffset: block, as: UInt8.self))
    let scale = unsafe ScaleType.f32.load(parts[3], block / nested.blockSize)
    return unsafe ScaleType.f32.load(parts[4], code) * scale + nested.offset
  }

  private func write(_ range: Range<Int>, _ parts: [UnsafeRawPointer], to target: UnsafeMutableRawPointer) -> Int {
    var broken = 0
    let values = (0..<16).map { unsafe ScaleType.f32.load(parts[1], $0) }
    let first = range.lowerBound * shape.columns
    for index in first..<range.upperBound * shape.columns {
      let byte = unsafe parts[0].load(fromByteOffset: index / 2, as: UInt8.self)
      // The first of two is the upper half.
      let code = index % 2 == 0 ? byte >> 4 : byte & 15
      let value = unsafe values[Int(code)] * scale(index / blockSize, parts)
      let (out, place) = unsafe (target, index - first)
      var isFinite = value.isFinite
      if format == .f32 {
        unsafe out.storeBytes(of: value.bitPattern, toByteOffset: 4 * place, as: UInt32.self)
      } else if format == .f16 {
        let half = Float16(value)
        isFinite = half.isFinite
        unsafe out.storeBytes(of: half.bitPattern, toByteOffset: 2 * place, as: UInt16.self)
      } else {
        unsafe out.storeBytes(of: value.bf16Bits, toByteOffset: 2 * place, as: UInt16.self)
      }
      if !isFinite { broken += 1 }
    }
    return broken
  }
}

extension Tensor {
  /// The bytes of a small tensor of a file.
  fileprivate var storedBytes: [UInt8] {
    guard case .file(let file, let offset) = source else { return [] }
    return file.copyBytes(offset..<offset + byteCount)
  }
}
