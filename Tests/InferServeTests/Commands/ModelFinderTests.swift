import Foundation
import TestSupport
import Testing

@testable import infer_serve

struct ModelFinderTests {
  @Test func modelsAreNamedByTheirPlaces() throws {
    let folder = try TemporaryFolder()
    let files = [
      "plain/config.json", "single.gguf", "part-00001-of-00002.gguf", "part-00002-of-00002.gguf", "org/model/a.GGUF",
      "many/x.gguf", "many/y.gguf", ".hidden/config.json", "empty/readme.md", "too/deep/for/us/config.json",
      "models--org--name/snapshots/old/config.json", "models--org--name/snapshots/new/config.json",
      "models--org--name/refs/main", "models--only/snapshots/x/config.json", "models--gone/refs/main",
    ]
    for file in files {
      let url = folder.url.appending(path: file)
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data("new\n".utf8).write(to: url)
    }
    let found = try ModelFinder.models(in: folder.url)
    #expect(
      found.map(\.name) == [
        "many/x.gguf", "many/y.gguf", "only", "org/model", "org/name", "part-00001-of-00002", "plain", "single",
      ])
    #expect(found[4].url.path.hasSuffix("snapshots/new") && found[3].url.path.hasSuffix("org/model/a.GGUF"))
    #expect(throws: CommandFailure.self) { try ModelFinder.models(in: folder.url.appending(path: "none")) }
  }

  @Test func theCacheIsWhereHuggingFaceKeepsIt() {
    for (environment, path) in [
      (["HF_HUB_CACHE": "/a", "HF_HOME": "/b"], "/a"), (["HF_HOME": "/b"], "/b/hub"),
      (["XDG_CACHE_HOME": "/c", "HOME": "/d"], "/c/huggingface/hub"), (["HOME": "/d"], "/d/.cache/huggingface/hub"),
    ] { #expect(ModelFinder.hubCache(environment).path == path) }
  }
}
