import CIM
import Testing

@Suite("WBEMStatus (Semantics G)")
struct WBEMStatusTests {
    @Test(
        "G.2: number, header name and D-Bus name agree",
        arguments: [
            (WBEMStatus.notFound, 0x8004_1002, "WBEM_E_NOT_FOUND", "NotFound"),
            (.serverTooBusy, 0x8004_1045, "WBEM_E_SERVER_TOO_BUSY", "ServerTooBusy"),
            (.providerFailure, 0x8004_1004, "WBEM_E_PROVIDER_FAILURE", "ProviderFailure"),
            (.providerAlreadyRegistered, 0x8004_1084, "WBEM_E_PROVIDER_ALREADY_REGISTERED", "ProviderAlreadyRegistered"),
            (.cannotChangeKeyInheritance, 0x8004_1049, "WBEM_E_CANNOT_CHANGE_KEY_INHERITANCE", "CannotChangeKeyInheritance"),
            (.updateTypeMismatch, 0x8004_1052, "WBEM_E_UPDATE_TYPE_MISMATCH", "UpdateTypeMismatch"),
            (.noKey, 0x8004_1089, "WBEM_E_NO_KEY", "NoKey"),
            (.registrationTooPrecise, 0x8004_2002, "WBEMESS_E_REGISTRATION_TOO_PRECISE", "RegistrationTooPrecise"),
            (.resourceContention, 0x8004_3002, "WBEM_E_RESOURCE_CONTENTION", "ResourceContention"),
            (.mofExpectedPropertyName, 0x8004_400C, "WBEMMOF_E_EXPECTED_PROPERTY_NAME", "ExpectedPropertyName"),
            (.mofInvalidDeleteclassSyntax, 0x8004_4031, "WBEMMOF_E_INVALID_DELETECLASS_SYNTAX", "InvalidDeleteclassSyntax"),
        ])
    func names(status: WBEMStatus, number: UInt32, name: String, errorName: String) {
        #expect(status.rawValue == number)
        #expect(status.name == name)
        #expect(status.errorName == errorName)
        #expect(WBEMStatus(errorName: errorName) == status)
        #expect(!status.isSuccess)
    }

    @Test("Every named error reads back from its D-Bus name, and no two share one")
    func errorNamesAreUnique() {
        var names: Set<String> = []
        var named = 0
        for code in UInt32(0x8004_1001)...0x8004_4031 {
            let status = WBEMStatus(rawValue: code)
            guard let errorName = status.errorName else { continue }
            named += 1
            #expect(names.insert(errorName).inserted, "\(errorName) twice")
            #expect(WBEMStatus(errorName: errorName) == status)
        }
        #expect(named == 180)
        #expect(WBEMStatus(errorName: "TypeMismatch") == .typeMismatch)
        #expect(WBEMStatus(errorName: "MofTypeMismatch") == .mofTypeMismatch)
    }

    @Test("G.1: the sign bit tells failure; sFalse and sTimedOut are successes")
    func successes() {
        for status in [WBEMStatus.noError, .sFalse, .sTimedOut, .sPartialResults, .sLimitedService] {
            #expect(status.isSuccess)
            #expect(status.errorName == nil)
            #expect(status.name != nil)
        }
        #expect(WBEMStatus.sTimedOut.rawValue == 0x40004)
    }

    @Test(
        "A code without a name is carried unchanged, and the gaps of G.2 have no names", arguments: [0x8004_104A, 0x8004_105E, 0x8007_0005])
    func unknown(code: UInt32) {
        let status = WBEMStatus(rawValue: code)
        #expect(status.rawValue == code)
        #expect(status.name == nil && status.errorName == nil)
        #expect(!status.meaning.isEmpty)
        #expect(WBEMStatus(errorName: "Nothing") == nil && WBEMStatus(errorName: "") == nil)
    }

    @Test(
        "W6: case, underscores and the headers' prefix do not count in an error's name",
        arguments: ["NotFound", "NOT_FOUND", "notfound", "not_found", "WBEM_E_NOT_FOUND", "wbem_e_notfound"])
    func looseNames(name: String) { #expect(WBEMStatus(errorName: name) == .notFound) }

    @Test("The one name of two families keeps its families apart in every spelling")
    func looseFamilies() {
        #expect(WBEMStatus(errorName: "type_mismatch") == .typeMismatch && WBEMStatus(errorName: "WBEM_E_TYPE_MISMATCH") == .typeMismatch)
        #expect(WBEMStatus(errorName: "WBEMMOF_E_TYPE_MISMATCH") == .mofTypeMismatch)
    }

    @Test("An error's text starts with its number")
    func errorText() {
        #expect(CIMError(.notFound, "no such disk").description == "0x80041002 (NotFound): no such disk")
        #expect(WBEMStatus.sFalse.hex == "0x00000001")
    }
}
