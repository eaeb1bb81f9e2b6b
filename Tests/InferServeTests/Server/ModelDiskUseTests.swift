import Foundation
import Testing

@testable import infer_serve

struct ModelDiskUseTests {
  private let folder = FileManager.default.temporaryDirectory.appending(path: "disk-use-\(UUID().uuidString)")

  /// A file of some bytes that was written at a time, in seconds since 1970.
  private func write(_ name: String, bytes: Int, at time: Double) throws {
    let file = folder.appending(path: name)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(count: bytes).write(to: file)
    let path = file.path(percentEncoded: false)
    try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSince1970: time)], ofItemAtPath: path)
  }

  @Test func filesOfAFolderCountTogether() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    try write("config.json", bytes: 10, at: 5)
    try write("model.safetensors", bytes: 700, at: 9)
    try write(".hidden", bytes: 1000, at: 99)
    try write("other/model.safetensors", bytes: 1000, at: 99)
    let use = try #require(ModelDiskUse(of: folder))
    #expect(use.bytes == 710 && use.modified.timeIntervalSince1970 == 9)
    // Hugging Face's cache has links to the files.
    let link = folder.appending(path: "other/tokenizer.json")
    try FileManager.default.createSymbolicLink(at: link, withDestinationURL: folder.appending(path: "config.json"))
    #expect(ModelDiskUse(of: folder.appending(path: "other"))?.bytes == 1010)
  }

  @Test func aFileComesWithItsParts() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, bytes) in [("a-00001-of-00002", 3), ("a-00002-of-00002", 4), ("a-00002-of-00003", 50), ("b", 600)] {
      try write("\(name).gguf", bytes: bytes, at: 7)
    }
    #expect(ModelDiskUse(of: folder.appending(path: "a-00001-of-00002.gguf"))?.bytes == 7)
    #expect(ModelDiskUse(of: folder.appending(path: "b.gguf"))?.bytes == 600)
    #expect(ModelDiskUse(of: folder.appending(path: "c.gguf")) == nil)
  }
}
