extension CIMClass {
    /// Throws unless the `ID` qualifiers of each method's parameters number all of them, from 0 on without a gap (Semantics C.5). A method
    /// whose parameters have none is fine: their order is that of the declaration.
    ///
    /// - Throws: MissingParameterID; InvalidParameterID for a value that is no number from 0 on; NonconsecutiveParameterIDs, also for a
    ///   number that is there twice; ParameterIDOnReturnValue.
    public func checkParameterIDs() throws(CIMError) {
        for method in methods { try method.checkParameterIDs(of: name) }
    }
}

extension CIMMethod {
    fileprivate func checkParameterIDs(of className: String) throws(CIMError) {
        guard parameters.contains(where: { $0.qualifier(named: "ID") != nil }) else { return }
        var numbers: [UInt64] = []
        for parameter in parameters {
            let place = "\(className).\(name)(\(parameter.name))"
            let isReturnValue = CIMName.equal(parameter.name, "ReturnValue")
            guard let id = parameter.qualifier(named: "ID") else {
                if isReturnValue { continue }
                throw CIMError(.missingParameterId, "\(place) has no ID, and other parameters have; number all of them, or none")
            }
            if isReturnValue { throw CIMError(.parameterIdOnRetval, "\(place) is the return value, which has no ID") }
            guard let number = id.value.uint64Value else {
                throw CIMError(.invalidParameterId, "\(place): ID(\(id.value.briefDescription)) is no number from 0 on")
            }
            numbers.append(number)
        }
        guard numbers.sorted().enumerated().allSatisfy({ UInt64($0.offset) == $0.element }) else {
            let ids = numbers.prefix(20).map { String($0) }.joined(separator: ", ")
            throw CIMError(
                .nonconsecutiveParameterIds, "\(className).\(name) has the parameter IDs \(ids); number them from 0 on without a gap")
        }
    }
}
