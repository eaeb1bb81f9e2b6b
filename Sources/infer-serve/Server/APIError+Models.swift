import InferCore

extension APIError {
  /// The model is on its way into memory.
  static func loading(_ model: HostedModel) -> APIError {
    var share = ""
    if case .loading(let progress?) = model.state, progress.bytesTotal > 0 {
      share = ": \(Int(100 * Double(progress.bytesDone) / Double(progress.bytesTotal))) % is there"
    }
    return .unavailable("The model '\(model.name)' is being loaded\(share).", code: "loading", retryAfter: 2)
  }

  /// The request is about a model in memory, and the model is not there.
  static func notLoaded(_ model: HostedModel) -> APIError {
    APIError(
      status: 409, message: "The model '\(model.name)' is not loaded; a request for an answer loads it.",
      type: "invalid_request_error", parameter: "model", code: "model_not_loaded")
  }

  /// The model has parts in other processes.
  static func divided(_ model: HostedModel) -> APIError {
    APIError(
      status: 409,
      message: "The model '\(model.name)' is computed by several processes, and stays as long as they run.",
      type: "invalid_request_error", parameter: "model", code: "model_divided")
  }

  /// The model has not been loaded, since a moment.
  static func failed(_ model: HostedModel, _ error: any Error, at time: ContinuousClock.Instant) -> APIError {
    guard let error = error as? NoRoom, error.isPassing else { return modelFailed(model.name) }
    let wait = (time + ModelRegistry.pause - .now).seconds.rounded(.up)
    return .unavailable(
      "There is no room for the model '\(model.name)' while others are busy.", code: "no_room",
      retryAfter: max(1, Int(wait)))
  }

  /// The model cannot be loaded. The reason, which tells of the machine, is in the log.
  static func modelFailed(_ name: String) -> APIError {
    APIError(
      status: 500, message: "The model '\(name)' could not be loaded; the server's log says why.",
      type: "server_error", parameter: "model", code: "model_load_failed")
  }
}
