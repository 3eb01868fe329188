/// What a MOF compiler reports (Semantics G.2, header order).
extension WBEMStatus {
    /// WBEMMOF_E_EXPECTED_QUALIFIER_NAME: MOF: expected qualifier name.
    public static let mofExpectedQualifierName = WBEMStatus(rawValue: 0x80044001)

    /// WBEMMOF_E_EXPECTED_SEMI: MOF: expected semi.
    public static let mofExpectedSemi = WBEMStatus(rawValue: 0x80044002)

    /// WBEMMOF_E_EXPECTED_OPEN_BRACE: MOF: expected open brace.
    public static let mofExpectedOpenBrace = WBEMStatus(rawValue: 0x80044003)

    /// WBEMMOF_E_EXPECTED_CLOSE_BRACE: MOF: expected close brace.
    public static let mofExpectedCloseBrace = WBEMStatus(rawValue: 0x80044004)

    /// WBEMMOF_E_EXPECTED_CLOSE_BRACKET: MOF: expected close bracket.
    public static let mofExpectedCloseBracket = WBEMStatus(rawValue: 0x80044005)

    /// WBEMMOF_E_EXPECTED_CLOSE_PAREN: MOF: expected close paren.
    public static let mofExpectedCloseParen = WBEMStatus(rawValue: 0x80044006)

    /// WBEMMOF_E_ILLEGAL_CONSTANT_VALUE: MOF: illegal constant value.
    public static let mofIllegalConstantValue = WBEMStatus(rawValue: 0x80044007)

    /// WBEMMOF_E_EXPECTED_TYPE_IDENTIFIER: MOF: expected type identifier.
    public static let mofExpectedTypeIdentifier = WBEMStatus(rawValue: 0x80044008)

    /// WBEMMOF_E_EXPECTED_OPEN_PAREN: MOF: expected open paren.
    public static let mofExpectedOpenParen = WBEMStatus(rawValue: 0x80044009)

    /// WBEMMOF_E_UNRECOGNIZED_TOKEN: MOF: unrecognized token.
    public static let mofUnrecognizedToken = WBEMStatus(rawValue: 0x8004400A)

    /// WBEMMOF_E_UNRECOGNIZED_TYPE: MOF: unrecognized type.
    public static let mofUnrecognizedType = WBEMStatus(rawValue: 0x8004400B)

    /// WBEMMOF_E_EXPECTED_PROPERTY_NAME: MOF: expected property name.
    public static let mofExpectedPropertyName = WBEMStatus(rawValue: 0x8004400C)

    /// WBEMMOF_E_TYPEDEF_NOT_SUPPORTED: MOF: typedef not supported.
    public static let mofTypedefNotSupported = WBEMStatus(rawValue: 0x8004400D)

    /// WBEMMOF_E_UNEXPECTED_ALIAS: MOF: unexpected alias.
    public static let mofUnexpectedAlias = WBEMStatus(rawValue: 0x8004400E)

    /// WBEMMOF_E_UNEXPECTED_ARRAY_INIT: MOF: unexpected array init.
    public static let mofUnexpectedArrayInit = WBEMStatus(rawValue: 0x8004400F)

    /// WBEMMOF_E_INVALID_AMENDMENT_SYNTAX: MOF: invalid amendment syntax.
    public static let mofInvalidAmendmentSyntax = WBEMStatus(rawValue: 0x80044010)

    /// WBEMMOF_E_INVALID_DUPLICATE_AMENDMENT: MOF: invalid duplicate amendment.
    public static let mofInvalidDuplicateAmendment = WBEMStatus(rawValue: 0x80044011)

    /// WBEMMOF_E_INVALID_PRAGMA: MOF: invalid pragma.
    public static let mofInvalidPragma = WBEMStatus(rawValue: 0x80044012)

    /// WBEMMOF_E_INVALID_NAMESPACE_SYNTAX: MOF: invalid namespace syntax.
    public static let mofInvalidNamespaceSyntax = WBEMStatus(rawValue: 0x80044013)

    /// WBEMMOF_E_EXPECTED_CLASS_NAME: MOF: expected class name.
    public static let mofExpectedClassName = WBEMStatus(rawValue: 0x80044014)

    /// WBEMMOF_E_TYPE_MISMATCH: MOF: type mismatch.
    public static let mofTypeMismatch = WBEMStatus(rawValue: 0x80044015)

    /// WBEMMOF_E_EXPECTED_ALIAS_NAME: MOF: expected alias name.
    public static let mofExpectedAliasName = WBEMStatus(rawValue: 0x80044016)

    /// WBEMMOF_E_INVALID_CLASS_DECLARATION: MOF: invalid class declaration.
    public static let mofInvalidClassDeclaration = WBEMStatus(rawValue: 0x80044017)

    /// WBEMMOF_E_INVALID_INSTANCE_DECLARATION: MOF: invalid instance declaration.
    public static let mofInvalidInstanceDeclaration = WBEMStatus(rawValue: 0x80044018)

    /// WBEMMOF_E_EXPECTED_DOLLAR: MOF: expected dollar.
    public static let mofExpectedDollar = WBEMStatus(rawValue: 0x80044019)

    /// WBEMMOF_E_CIMTYPE_QUALIFIER: MOF: cimtype qualifier.
    public static let mofCimtypeQualifier = WBEMStatus(rawValue: 0x8004401A)

    /// WBEMMOF_E_DUPLICATE_PROPERTY: MOF: duplicate property.
    public static let mofDuplicateProperty = WBEMStatus(rawValue: 0x8004401B)

    /// WBEMMOF_E_INVALID_NAMESPACE_SPECIFICATION: MOF: invalid namespace specification.
    public static let mofInvalidNamespaceSpecification = WBEMStatus(rawValue: 0x8004401C)

    /// WBEMMOF_E_OUT_OF_RANGE: MOF: out of range.
    public static let mofOutOfRange = WBEMStatus(rawValue: 0x8004401D)

    /// WBEMMOF_E_INVALID_FILE: MOF: invalid file.
    public static let mofInvalidFile = WBEMStatus(rawValue: 0x8004401E)

    /// WBEMMOF_E_ALIASES_IN_EMBEDDED: MOF: aliases in embedded.
    public static let mofAliasesInEmbedded = WBEMStatus(rawValue: 0x8004401F)

    /// WBEMMOF_E_NULL_ARRAY_ELEM: MOF: null array elem.
    public static let mofNullArrayElem = WBEMStatus(rawValue: 0x80044020)

    /// WBEMMOF_E_DUPLICATE_QUALIFIER: MOF: duplicate qualifier.
    public static let mofDuplicateQualifier = WBEMStatus(rawValue: 0x80044021)

    /// WBEMMOF_E_EXPECTED_FLAVOR_TYPE: MOF: expected flavor type.
    public static let mofExpectedFlavorType = WBEMStatus(rawValue: 0x80044022)

    /// WBEMMOF_E_INCOMPATIBLE_FLAVOR_TYPES: MOF: incompatible flavor types.
    public static let mofIncompatibleFlavorTypes = WBEMStatus(rawValue: 0x80044023)

    /// WBEMMOF_E_MULTIPLE_ALIASES: MOF: multiple aliases.
    public static let mofMultipleAliases = WBEMStatus(rawValue: 0x80044024)

    /// WBEMMOF_E_INCOMPATIBLE_FLAVOR_TYPES2: MOF: incompatible flavor types2.
    public static let mofIncompatibleFlavorTypes2 = WBEMStatus(rawValue: 0x80044025)

    /// WBEMMOF_E_NO_ARRAYS_RETURNED: MOF: no arrays returned.
    public static let mofNoArraysReturned = WBEMStatus(rawValue: 0x80044026)

    /// WBEMMOF_E_MUST_BE_IN_OR_OUT: MOF: must be in or out.
    public static let mofMustBeInOrOut = WBEMStatus(rawValue: 0x80044027)

    /// WBEMMOF_E_INVALID_FLAGS_SYNTAX: MOF: invalid flags syntax.
    public static let mofInvalidFlagsSyntax = WBEMStatus(rawValue: 0x80044028)

    /// WBEMMOF_E_EXPECTED_BRACE_OR_BAD_TYPE: MOF: expected brace or bad type.
    public static let mofExpectedBraceOrBadType = WBEMStatus(rawValue: 0x80044029)

    /// WBEMMOF_E_UNSUPPORTED_CIMV22_QUAL_VALUE: MOF: unsupported cimv22 qual value.
    public static let mofUnsupportedCimv22QualValue = WBEMStatus(rawValue: 0x8004402A)

    /// WBEMMOF_E_UNSUPPORTED_CIMV22_DATA_TYPE: MOF: unsupported cimv22 data type.
    public static let mofUnsupportedCimv22DataType = WBEMStatus(rawValue: 0x8004402B)

    /// WBEMMOF_E_INVALID_DELETEINSTANCE_SYNTAX: MOF: invalid deleteinstance syntax.
    public static let mofInvalidDeleteinstanceSyntax = WBEMStatus(rawValue: 0x8004402C)

    /// WBEMMOF_E_INVALID_QUALIFIER_SYNTAX: MOF: invalid qualifier syntax.
    public static let mofInvalidQualifierSyntax = WBEMStatus(rawValue: 0x8004402D)

    /// WBEMMOF_E_QUALIFIER_USED_OUTSIDE_SCOPE: MOF: qualifier used outside scope.
    public static let mofQualifierUsedOutsideScope = WBEMStatus(rawValue: 0x8004402E)

    /// WBEMMOF_E_ERROR_CREATING_TEMP_FILE: MOF: error creating temp file.
    public static let mofErrorCreatingTempFile = WBEMStatus(rawValue: 0x8004402F)

    /// WBEMMOF_E_ERROR_INVALID_INCLUDE_FILE: MOF: error invalid include file.
    public static let mofErrorInvalidIncludeFile = WBEMStatus(rawValue: 0x80044030)

    /// WBEMMOF_E_INVALID_DELETECLASS_SYNTAX: MOF: invalid deleteclass syntax.
    public static let mofInvalidDeleteclassSyntax = WBEMStatus(rawValue: 0x80044031)
}
