import InferCore
import InferKit

/// A model in this process.
struct EngineBackend: ChatBackend {
  let engine: Engine
  let model: Model

  var modelName: String { model.name }

  func answer(
    _ question: String, after conversation: Dialogue, _ settings: ChatSettings,
    _ take: (ChatPart) throws -> Void
  ) async throws -> ChatCost {
    do throws(any Error) {
      var options = ChatOptions()
      options.sampling = try settings.sampling(model.generation)
      options.stop = try settings.stop()
      options.templateVariables = settings.templateVariables
      let session = try ChatSession(engine, messages: conversation.messages, options: options)
      var cost = ChatCost()
      for try await event in session.stream(question) {
        switch event {
        case .reasoning(let text): try take(.reasoning(text))
        case .content(let text): try take(.content(text))
        case .toolCall, .toolResult: break
        case .finished(let response):
          cost.promptTokens = response.statistics.promptTokens
          cost.cachedTokens = response.statistics.cachedTokens
          cost.answerTokens = response.statistics.generatedTokens
          cost.isCutOff = response.finishReason == .length
        }
      }
      return cost
    } catch let error as CancellationError {
      throw error
    } catch let error as RequestError {
      if case .promptTooLong = error { throw CommandFailure("\(error); /undo or /clear makes room") }
      throw CommandFailure("\(error)")
    } catch { throw (error as? CommandFailure) ?? CommandFailure("\(error)") }
  }

  func modelNames() -> [String] { [modelName] }

  func use(_ name: String) throws {
    guard name != modelName else { return }
    throw CommandFailure("this chat has one model, \(modelName); a server may have several (--server)")
  }

  func shutdown() async { await engine.shutdown() }
}
