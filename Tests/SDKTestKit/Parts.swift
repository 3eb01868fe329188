import CIM

/// Classes of another provider.
package struct Parts: Sendable {
    package var registration: String
    package var mof: String
    package var classes: [String]

    /// A class and one below it, with every type that the wire does not tell.
    package static let parts = Parts(
        registration: "Parts",
        mof: """
            [dynamic, provider("Parts")]
            class Test_Part
            {
                [key, read] string Name;
                [read] uint32 Number;
                [read] sint8 Small;
                [read] datetime Since;
                [read] string Colour = "red";
                [read] string Text;
            };

            [dynamic, provider("Parts")]
            class Test_SpecialPart : Test_Part
            {
                [read] uint8 Level;
            };
            """, classes: ["Test_Part", "Test_SpecialPart"])

    /// What stands between a thing and its parts.
    package static let middle = Parts(
        registration: "Middles",
        mof: """
            [dynamic, provider("Middles")]
            class Test_Middle { [key, read] string Name; [read] uint32 Number; [read] string Text; };
            """, classes: ["Test_Middle"])

    /// The same, of a provider that takes queries.
    package static let queriedMiddle = Parts(
        registration: middle.registration,
        mof: middle.mof + """
            instance of MSFT_DecoupledProvider as $P { Name = "Middles"; HostingModel = "Decoupled:DBus"; };
            instance of __InstanceProviderRegistration {
                provider = $P; SupportsGet = TRUE; SupportsEnumeration = TRUE; QuerySupportLevels = { "WQL:UnarySelect" };
            };
            """, classes: middle.classes)
}

/// An instance of `Test_Part`.
package func part(_ number: Int, class className: String = "Test_Part", text: String? = nil) -> CIMInstance {
    var instance = CIMInstance(className: className, ["Name": .string("p\(number)"), "Number": .uint32(UInt32(clamping: number))])
    if let text { instance["Text"] = .string(text) }
    return instance
}

/// `Test_Part.Name="…"`.
package func partPath(_ number: Int) -> CIMObjectPath {
    CIMObjectPath(className: "Test_Part", ["Name": .string("p\(number)")])
}

/// Its property `Number`; -1 without one.
package func number(of instance: CIMInstance) -> Int { Int(instance["Number"]?.int64Value ?? -1) }
