extension CIMClass {
    /// Takes away the localized qualifiers, wherever they are: a put with USE_AMENDED_QUALIFIERS does not store them (R48).
    public mutating func removeAmendedQualifiers() {
        func remove(_ qualifiers: inout [CIMQualifier]) { qualifiers.removeAll { $0.flavor.contains(.amended) } }
        remove(&qualifiers)
        for index in properties.indices { remove(&properties[index].qualifiers) }
        for index in methods.indices {
            remove(&methods[index].qualifiers)
            for position in methods[index].parameters.indices { remove(&methods[index].parameters[position].qualifiers) }
        }
    }
}
