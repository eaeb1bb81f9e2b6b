import Foundation
import Testing

@testable import InferText

struct DisplayPathTests {
  /// Names are shown as they are, and relative ones from the working folder on.
  @Test(arguments: ["a b.gguf", "%41.gguf", "100 %.gguf", "a#b?c;d:e.gguf", "é/ü.gguf", "日本/x"])
  func namesAreShownAsTheyAre(_ name: String) {
    let here = FileManager.default.currentDirectoryPath
    #expect(URL(filePath: "/models/\(name)").displayPath == "/models/\(name)")
    #expect(URL(filePath: "/models").appending(path: name).displayPath == "/models/\(name)")
    #expect(URL(filePath: name).displayPath == "\(here)/\(name)")
    #expect(URL(filePath: "./\(name)").displayPath == "\(here)/\(name)")
  }

  /// A part of a file is named behind it, and the file's path stays what it is.
  @Test(arguments: ["a b.gguf", "%41.gguf", "é.gguf"], ["config.json", "1_Pooling/config.json", "%41 #é"])
  func partsStandBehindTheirFiles(_ name: String, _ part: String) {
    let file = URL(filePath: name)
    #expect(file.part(part).displayPath == "\(file.displayPath) (\(part))")
    #expect(file.part(part).path == file.path)
  }

  /// Of what is no file's path, the whole URL is shown.
  @Test(arguments: ["https://example.org/a%20b", "config.json", "file:///tmp/%FF"])
  func otherURLsAreShownWhole(_ text: String) throws {
    #expect(try #require(URL(string: text)).displayPath == text)
  }

  /// A folder is shown without a slash at its end, and its files within it.
  @Test(arguments: ["/models/a %41", "/models/a %41/"]) func filesOfAFolder(_ path: String) {
    let files = ModelFiles.folder(URL(filePath: path))
    #expect(files.url.displayPath == "/models/a %41")
    #expect(files.url(of: "config.json").displayPath == "/models/a %41/config.json")
    let embedded = ModelFiles.embedded([:], in: URL(filePath: "/a %41.gguf"))
    #expect(embedded.url(of: "config.json").displayPath == "/a %41.gguf (config.json)")
  }

  @Test func errorsNameFilesAsTheyAre() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "a %41 \(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data("{".utf8).write(to: folder.appending(path: "config.json"))
    let error = #expect(throws: ModelFileError.self) { try ModelFiles.folder(folder).json("config.json") }
    #expect("\(error, default: "nothing")".hasPrefix("\(folder.path)/config.json is malformed: "))
  }
}
