import Foundation
import HybridBlocks
import InferCore

/// Finds models in folders: GGUF files, folders as Hugging Face lays models out, and its cache.
enum ModelFinder {
  /// A model by the name that its place gives it.
  struct Found {
    var name: String
    var url: URL
  }

  /// How many folders deep models are looked for: a publisher's folder has one for each model, with its files.
  private static let depth = 3

  /// The models in a folder, by name.
  ///
  /// - Throws: ``CommandFailure`` when the folder cannot be read.
  static func models(in folder: URL) throws(CommandFailure) -> [Found] {
    guard (try? folder.resolvingSymlinksInPath().checkResourceIsReachable()) == true,
      isFolder(folder)
    else { throw CommandFailure("there is no folder of models at \(folder.path)") }
    return find(in: folder, prefix: "", depth: depth).sorted { $0.name < $1.name }
  }

  /// The folder in which Hugging Face's programs keep models, unless the environment says another.
  static func hubCache(_ environment: [String: String]) -> URL {
    if let cache = environment["HF_HUB_CACHE"] { return URL(filePath: cache) }
    if let home = environment["HF_HOME"] { return URL(filePath: home).appending(path: "hub") }
    let cache = environment["XDG_CACHE_HOME"] ?? (environment["HOME"] ?? "/") + "/.cache"
    return URL(filePath: cache).appending(path: "huggingface/hub")
  }

  private static func find(in folder: URL, prefix: String, depth: Int) -> [Found] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    var found: [Found] = []
    for name in names.sorted() where !name.hasPrefix(".") {
      let url = folder.appending(path: name)
      if name.lowercased().hasSuffix(".gguf"), isFirstPart(name) {
        found.append(Found(name: prefix + ModelSource.name(of: url), url: url))
      } else if name.hasPrefix("models--") {
        if let snapshot = snapshot(of: url) {
          let repository = name.dropFirst("models--".count).replacing("--", with: "/")
          found += model(at: snapshot, named: String(repository))
        }
      } else if depth > 1, isFolder(url) {
        let models = model(at: url, named: prefix + name)
        found += models.isEmpty ? find(in: url, prefix: "\(prefix)\(name)/", depth: depth - 1) : models
      }
    }
    return found
  }

  /// The model that a folder is; none where it is no model.
  private static func model(at folder: URL, named name: String) -> [Found] {
    if isFile(folder.appending(path: "config.json")) { return [Found(name: name, url: folder)] }
    let files = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).filter {
      $0.lowercased().hasSuffix(".gguf") && isFirstPart($0)
    }
    return files.sorted().map { file in
      Found(name: files.count == 1 ? name : "\(name)/\(file)", url: folder.appending(path: file))
    }
  }

  /// The files of a repository in Hugging Face's cache: those of its main branch, or of whichever there is.
  private static func snapshot(of repository: URL) -> URL? {
    let snapshots = repository.appending(path: "snapshots")
    if let main = try? String(contentsOf: repository.appending(path: "refs/main"), encoding: .utf8) {
      let url = snapshots.appending(path: main.trimmingCharacters(in: .whitespacesAndNewlines))
      if isFolder(url) { return url }
    }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: snapshots.path)) ?? []
    return names.sorted().first.map { snapshots.appending(path: $0) }
  }

  /// `false` for the second and further files of a model in several (`name-00002-of-00003.gguf`).
  private static func isFirstPart(_ name: String) -> Bool {
    guard let part = name.firstMatch(of: /-(\d{5})-of-\d{5}\.gguf$/.ignoresCase()) else { return true }
    return part.1 == "00001"
  }

  private static func isFolder(_ url: URL) -> Bool {
    var isFolder: ObjCBool = false
    return unsafe FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) && isFolder.boolValue
  }

  private static func isFile(_ url: URL) -> Bool { FileManager.default.fileExists(atPath: url.path) && !isFolder(url) }
}
