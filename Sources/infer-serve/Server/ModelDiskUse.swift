import Foundation

/// The place that a model's files take, and when the last of them was written.
struct ModelDiskUse: Equatable {
  /// The files' bytes together.
  private(set) var bytes = 0
  /// The time of the latest change.
  private(set) var modified = Date(timeIntervalSince1970: 0)

  /// Looks at a model's files: those of a folder, but for hidden ones and what is in folders, or a GGUF file with the parts
  /// that belong to it. Links count as what they lead to. `nil` where nothing is there.
  init?(of model: URL) {
    let files = Self.files(of: model)
    if files.isEmpty { return nil }
    for file in files {
      bytes += file.size
      modified = max(modified, file.modified)
    }
  }

  private static func files(of model: URL) -> [(size: Int, modified: Date)] {
    if let whole = file(model) {
      guard let name = model.lastPathComponent.firstMatch(of: /^(.*)-00001-of-(\d{5})\.gguf$/) else { return [whole] }
      let parts = names(in: model.deletingLastPathComponent()).filter { part in
        guard let part = part.wholeMatch(of: /(.*)-\d{5}-of-(\d{5})\.gguf/) else { return false }
        return part.1 == name.1 && part.2 == name.2
      }
      return parts.compactMap { file(model.deletingLastPathComponent().appending(component: $0)) }
    }
    return names(in: model.resolvingSymlinksInPath()).filter { !$0.hasPrefix(".") }
      .compactMap { file(model.appending(component: $0)) }
  }

  private static func names(in folder: URL) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false))) ?? []
  }

  /// A regular file; `nil` where there is none.
  private static func file(_ url: URL) -> (size: Int, modified: Date)? {
    let path = url.resolvingSymlinksInPath().path(percentEncoded: false)
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: path),
      attributes[.type] as? FileAttributeType == .typeRegular, let size = attributes[.size] as? NSNumber,
      let modified = attributes[.modificationDate] as? Date
    else { return nil }
    return (size.intValue, modified)
  }
}
