internal import Foundation

/// A file of state that is open: its headers are read and sound, its state is not.
final class StateFileReader {
  /// The headers of all records, each of which begins where the one before ends.
  let headers: [StateFileHeader]
  private let url: URL
  private let handle: FileHandle

  /// The number of bytes of the file.
  var byteCount: Int { headers.reduce(0) { $0 + $1.recordByteCount } }

  /// Opens a file and reads its headers.
  ///
  /// - Parameter maxTokens: The number of tokens of a prefix above which nothing is read.
  /// - Throws: ``StateFileError`` when there is no such file, or when it is none of state, altered or cut off.
  init(at url: URL, maxTokens: Int) throws(StateFileError) {
    self.url = url
    let (handle, byteCount) = try Self.open(url)
    self.handle = handle
    do throws(StateFileHeader.Fault) {
      headers = try Self.headers(handle, byteCount: byteCount, maxTokens: maxTokens)
    } catch {
      switch error {
      case .damaged(let reason): throw .damaged(at: url, reason: reason)
      case .version(let version):
        throw .foreign(
          at: url, difference: "its format is version \(version), the engine's is \(StateIdentity.version)")
      }
    }
  }

  deinit { try? handle.close() }

  private static func headers(
    _ handle: FileHandle, byteCount: Int, maxTokens: Int
  ) throws(StateFileHeader.Fault) -> [StateFileHeader] {
    var headers: [StateFileHeader] = []
    var offset = 0
    while headers.last.map({ $0.following > 0 }) ?? true {
      let header = try header(handle, offset: offset, byteCount: byteCount - offset, maxTokens: maxTokens)
      if let last = headers.last {
        guard header.start == last.end, header.following == last.following - 1, header.scope == last.scope,
          header.identity == last.identity
        else { throw .damaged("its records are not those that were written together") }
      }
      headers.append(header)
      offset += header.recordByteCount
    }
    return headers
  }

  private static func header(
    _ handle: FileHandle, offset: Int, byteCount: Int, maxTokens: Int
  ) throws(StateFileHeader.Fault) -> StateFileHeader {
    do { try handle.seek(toOffset: UInt64(offset)) } catch { throw .damaged(error.localizedDescription) }
    var bytes = read(StateFileHeader.fixedByteCount, handle)
    let count = try StateFileHeader.tokenCount(bytes, byteCount: byteCount)
    guard count <= maxTokens else { throw .damaged("it holds \(count) tokens, more than \(maxTokens)") }
    bytes += read(count * 4, handle)
    guard bytes.count == StateFileHeader.fixedByteCount + count * 4 else {
      throw .damaged("it ends within its tokens")
    }
    let header = try StateFileHeader(
      bytes, hash: read(StateFileHeader.hashByteCount, handle), byteCount: byteCount)
    guard header.end <= maxTokens else { throw .damaged("it holds \(header.end) tokens, more than \(maxTokens)") }
    return header
  }

  /// Reads the state of a record to where it belongs.
  ///
  /// - Parameters:
  ///   - index: The number of the record.
  ///   - lease: Memory for the state of a prefix that begins as the file says and is at least as long.
  ///   - first: The first position whose rows are written; those before are there.
  ///   - store: The memory that is lent.
  /// - Returns: `false` when the loan was taken back.
  /// - Throws: ``StateFileError`` when the bytes are not those that were written. The memory then holds nonsense.
  func read(
    _ index: Int, into lease: PrefixLease, from first: Int, _ store: StateStore
  ) throws(StateFileError) -> Bool {
    let header = headers[index]
    var hash = SHA256()
    var head = header.bytes
    head += SHA256.hash(data: head)
    hash.update(data: head)
    let offset = headers[..<index].reduce(head.count) { $0 + $1.recordByteCount }
    do { try handle.seek(toOffset: UInt64(offset)) } catch {
      throw .unreadable(at: url, reason: error.localizedDescription)
    }
    // Where the state is not wanted, the bytes are those of any slot.
    let slot = lease.slot(after: header.end)
    let parts = store.parts(of: header.start..<header.end, pages: lease.pages, slot: slot ?? 0, from: first)
    guard parts.reduce(0, { $0 + store.byteCount(of: $1) }) == header.stateByteCount else {
      throw .damaged(at: url, reason: "it has \(header.stateByteCount) bytes of state, which is not what it says")
    }
    for part in parts {
      let bytes = try read(store.byteCount(of: part))
      hash.update(data: bytes)
      let isWanted: Bool
      switch part {
      case .rows(_, let page, _): isWanted = page != nil
      case .piece: isWanted = slot != nil
      }
      guard lease.use({ if isWanted { store.copy(bytes, to: part) } }) else { return false }
    }
    guard try read(StateFileHeader.hashByteCount) == hash.finalize() else {
      throw .damaged(at: url, reason: "its state is not as it was written")
    }
    return true
  }

  private func read(_ count: Int) throws(StateFileError) -> [UInt8] {
    let bytes = Self.read(count, handle)
    guard bytes.count == count else { throw .damaged(at: url, reason: "it ends within its state") }
    return bytes
  }

  /// The next bytes, fewer where the file ends.
  private static func read(_ count: Int, _ handle: FileHandle) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count {
      guard let data = try? handle.read(upToCount: count - bytes.count), !data.isEmpty else { break }
      bytes.append(contentsOf: data)
    }
    return bytes
  }

  private static func open(_ url: URL) throws(StateFileError) -> (handle: FileHandle, byteCount: Int) {
    let target = url.resolvingSymlinksInPath()
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: target.path) else {
      throw .missing(at: url)
    }
    // A pipe would be waited for.
    guard attributes[.type] as? FileAttributeType == .typeRegular else {
      throw .unreadable(at: url, reason: "not a regular file")
    }
    do {
      let handle = try FileHandle(forReadingFrom: target)
      let end = try handle.seekToEnd()
      return (handle, Int(clamping: end))
    } catch {
      throw .unreadable(at: url, reason: error.localizedDescription)
    }
  }
}
