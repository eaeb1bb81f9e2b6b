internal import Foundation
public import InferText

extension ConfigurationError: DescribedError {}
extension EmbeddingError: DescribedError {}
extension ModelError: DescribedError {}
extension RequestError: DescribedError {}
extension StateFileError: DescribedError {}
extension WriteError: DescribedError {}
