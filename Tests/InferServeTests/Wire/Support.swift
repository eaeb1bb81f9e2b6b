import Foundation
import HybridBlocks
import InferText
import TestSupport

@testable import InferCore
@testable import infer_serve

/// Decodes a chat request from JSON text.
func chat(_ json: String, defaults: GenerationDefaults = GenerationDefaults()) throws(APIError) -> ChatRequest {
  try ChatRequest(FieldReader(body: Array(json.utf8)), defaults: defaults)
}

/// Decodes a completion request from JSON text.
func completion(
  _ json: String, defaults: GenerationDefaults = GenerationDefaults()
) throws(APIError) -> CompletionRequest {
  try CompletionRequest(FieldReader(body: Array(json.utf8)), defaults: defaults)
}

/// Decodes a request to `/v1/messages` from JSON text.
func messages(_ json: String) throws(APIError) -> ChatRequest {
  try ChatRequest(messages: FieldReader(body: Array(json.utf8)), defaults: GenerationDefaults())
}

/// Decodes a request to Ollama's `/api/chat` from JSON text.
func ollamaChat(_ json: String) throws(APIError) -> OllamaRequest {
  try OllamaRequest(chat: FieldReader(body: Array(json.utf8)), defaults: GenerationDefaults())
}

/// Decodes a request to Ollama's `/api/generate` from JSON text.
func ollamaGenerate(_ json: String) throws(APIError) -> OllamaRequest {
  try OllamaRequest(generate: FieldReader(body: Array(json.utf8)), defaults: GenerationDefaults())
}

/// Decodes a request to `/infill` from JSON text.
func infill(_ json: String) throws(APIError) -> InfillRequest {
  try InfillRequest(FieldReader(body: Array(json.utf8)), defaults: GenerationDefaults())
}

/// The error that `body` throws.
func refusal<T>(_ body: () throws(APIError) -> T) -> APIError? {
  do {
    _ = try body()
    return nil
  } catch { return error }
}

/// Statistics with round numbers.
func statistics(prompt: Int = 10, generated: Int = 4, cached: Int = 0) -> GenerationStatistics {
  var statistics = GenerationStatistics(promptTokens: prompt)
  statistics.generatedTokens = generated
  statistics.cachedTokens = cached
  statistics.prefillTime = .milliseconds(200)
  statistics.decodeTime = .milliseconds(100)
  return statistics
}

/// A piece of text that came with `count` tokens.
func piece(_ text: String, tokens count: Int = 1) -> TextPiece {
  TextPiece(text: text, tokens: (0..<count).map { GeneratedToken(id: Int32($0)) })
}

/// The tokenizer of the model in the repository.
func tinyTokenizer() throws -> Tokenizer {
  let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../Models/tiny")
  return try Tokenizer(folder: folder.standardizedFileURL)
}
