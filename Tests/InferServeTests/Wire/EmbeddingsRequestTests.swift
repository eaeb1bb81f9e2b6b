import InferCore
import InferText
import Testing

@testable import infer_serve

struct EmbeddingsRequestTests {
  private func decoded(_ json: String) throws(APIError) -> EmbeddingsRequest {
    try EmbeddingsRequest(FieldReader(body: Array(json.utf8)), width: 8)
  }

  @Test func inputsHaveFourForms() throws {
    #expect(try decoded(#"{"input": "a"}"#).inputs.map(\.input) == [.text("a")])
    #expect(try decoded(#"{"input": ["a", [1, 2]]}"#).inputs.map(\.input) == [.text("a"), .tokens([1, 2])])
    #expect(try decoded(#"{"input": [1, 2]}"#).inputs.map(\.input) == [.tokens([1, 2])])
    #expect(try decoded(#"{"input": ["a", "b"]}"#).inputs.map(\.path) == ["input[0]", "input[1]"])
    let form = try decoded(#"{"input": "a", "pooling": "cls", "normalize": false, "dimensions": 8}"#)
    #expect(form.form.pooling == .cls && form.form.normalizes == false && form.dimensions == 8 && !form.isBase64)
    #expect(refusal { () throws(APIError) in try decoded(#"{"input": ["a", 1.5]}"#) }?.parameter == "input[1]")
    #expect(
      refusal { () throws(APIError) in try decoded(#"{"input": "a", "dimensions": 9}"#) }?.parameter == "dimensions")
  }

  @Test func vectorsAreCutAndNormalised() {
    #expect(EmbeddingVector([3, 4, 12], dimensions: 2, normalizes: true).values == [0.6, 0.8])
    #expect(EmbeddingVector([3, 4], normalizes: false).values == [3, 4])
    #expect(EmbeddingVector([0, 0], normalizes: true).values == [0, 0])
    let (a, b) = (EmbeddingVector([1, 0], normalizes: true), EmbeddingVector([1, 1], normalizes: true))
    #expect(abs(a.cosine(b) - 0.5.squareRoot()) < 1e-6 && a.cosine(EmbeddingVector([0, 0], normalizes: true)) == 0)
    #expect(EmbeddingVector([1, -2], normalizes: false).json(isBase64: true) == "AACAPwAAAMA=")
    #expect(EmbeddingVector([0.1], normalizes: false).json(isBase64: false) == [0.1])
  }

  @Test func scoresAreOfPairs() throws {
    func score(_ json: String) throws(APIError) -> [[Int]] {
      try RankingRequest(score: FieldReader(body: Array(json.utf8))).pairs.map { [$0.query, $0.document] }
    }
    #expect(try score(#"{"text_1": "a", "text_2": ["b", "c"]}"#) == [[0, 1], [0, 2]])
    #expect(try score(#"{"queries": ["a", "b"], "documents": ["c", "d"]}"#) == [[0, 2], [1, 3]])
  }
}
