internal import InferText

/// Reads the header of a safetensors file: 8 bytes little-endian header length, a JSON object
/// `{name: {dtype, shape, data_offsets}}`, then the data.
///
/// Everything a hostile file could lie about is checked here, so that whoever holds a `Tensor` may touch
/// all its bytes. Format: huggingface/safetensors, README "Format".
package enum Safetensors {
  /// Longest header accepted, as in the reference implementation.
  static let maximumHeaderBytes = 100_000_000

  static let elementBytes: [String: Int] = [
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1,
    "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1,
  ]

  /// The tensors of one file, in order of their data.
  ///
  /// - Throws: ``ModelError`` that names the file, and the tensor where there is one.
  package static func tensors(in file: MappedFile) throws(ModelError) -> [Tensor] {
    let header = try header(of: file)
    guard let entries = header.json.object else {
      throw .malformed(at: file.url, reason: "the header is \(header.json.kind), expected an object")
    }
    var tensors: [Tensor] = []
    tensors.reserveCapacity(entries.count)
    for (name, entry) in entries where name != "__metadata__" {
      tensors.append(try tensor(name, entry, dataStart: header.dataStart, in: file))
    }
    tensors.sort { ($0.place.offset, $0.byteCount) < ($1.place.offset, $1.byteCount) }
    for (a, b) in zip(tensors, tensors.dropFirst()) where a.place.offset + a.byteCount > b.place.offset {
      throw .tensor(name: b.name, reason: "overlaps \(a.name) in \(file.url.displayPath)")
    }
    return tensors
  }

  private static func header(of file: MappedFile) throws(ModelError) -> (json: JSONValue, dataStart: Int) {
    guard file.byteCount >= 8 else {
      throw .malformed(at: file.url, reason: "\(file.byteCount) bytes, expected a header length of 8 bytes")
    }
    let length = UInt64(littleEndianBytes: file.copyBytes(0..<8))
    guard length <= maximumHeaderBytes, Int(length) <= file.byteCount - 8 else {
      throw .malformed(
        at: file.url, reason: "header of \(length) bytes in a file of \(file.byteCount): truncated or no safetensors"
      )
    }
    let end = 8 + Int(length)
    do {
      return (try JSONValue(parsing: file.copyBytes(8..<end), options: .init(duplicateKeys: .reject)), end)
    } catch {
      throw .malformed(at: file.url, reason: "header: \(error)")
    }
  }

  private static func tensor(
    _ name: String, _ entry: JSONValue, dataStart: Int, in file: MappedFile
  ) throws(ModelError) -> Tensor {
    func wrong(_ reason: String) -> ModelError { .tensor(name: name, reason: "\(reason), in \(file.url.displayPath)") }
    guard let type = entry["dtype"]?.string, let elementBytes = elementBytes[type] else {
      throw wrong("dtype \(entry["dtype"]?.serialized() ?? "is missing") is unknown")
    }
    guard let sizes = entry["shape"]?.array else { throw wrong("shape is missing or no list") }
    var shape: [Int] = []
    // Sizes are bounded with zeros among them, too.
    var (byteCount, bound) = (elementBytes, elementBytes)
    for size in sizes {
      guard let size = size.int, size >= 0 else {
        throw wrong("shape \(entry["shape"]?.serialized() ?? "") has an impossible size")
      }
      let (product, overflow) = bound.multipliedReportingOverflow(by: max(1, size))
      guard !overflow else { throw wrong("shape overflows") }
      bound = product
      byteCount *= size
      shape.append(size)
    }
    guard let offsets = entry["data_offsets"]?.array, offsets.count == 2, let begin = offsets[0].int,
      let end = offsets[1].int, begin >= 0, end >= begin
    else { throw wrong("data_offsets are missing or malformed") }
    let available = file.byteCount - dataStart
    guard end <= available else { throw wrong("ends at byte \(end) of \(available) bytes of data: truncated file") }
    guard end - begin == byteCount else {
      throw wrong("\(type) \(shape) takes \(byteCount) bytes, data_offsets give \(end - begin)")
    }
    return Tensor(
      name: name, type: type, shape: shape, byteCount: byteCount, source: .file(file, offset: dataStart + begin))
  }
}
