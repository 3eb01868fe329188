import CIM
import CIMMOF

extension MOFUnit {
    /// What is wrong with the mappings of the unit's classes, each with its place. Empty where no class is adopted.
    /// - Parameter known: classes that the unit builds on and does not have, resolved.
    public func adoptionFaults(known: (String) -> CIMClass? = { _ in nil }) -> [MOFError] {
        let isMapping = classes.contains { declared in
            declared.qualifier(named: "EventContext") != nil
                || declared.qualifier(named: "ClassContext") != nil && declared.providerName == Adoption.providerName
        }
        guard isMapping else { return [] }
        // A superclass that is somewhere else has faults that this unit does not: what is said of its heirs would be wrong.
        return AdoptedClasses(classes, known: known).faults.filter { $0.qualifier != nil }.map(error)
    }

    /// A fault with its place in a file.
    public func line(of fault: AdoptedClasses.Fault, in file: String) -> String {
        var error = error(fault)
        if error.line == 0 { error.file = file }
        return error.description
    }

    private func error(_ fault: AdoptedClasses.Fault) -> MOFError {
        let declaration = declarations.first { declaration in
            if case .class(let declared) = declaration.content { CIMName.equal(declared.name, fault.className) } else { false }
        }
        let text = fault.qualifier.flatMap { qualifier in
            declaration?.contextTexts.first { CIMName.equal($0.qualifier, qualifier) && $0.text == fault.text }
        }
        let place = text?.place(ofByte: fault.offset)
        return MOFError(
            file: declaration?.file ?? "<buffer>", line: place?.line ?? declaration?.firstLine ?? 0, column: place?.column ?? 1,
            status: .invalidQualifier, message: fault.description)
    }
}
