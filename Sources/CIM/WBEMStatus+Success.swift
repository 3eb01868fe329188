/// The success codes (Semantics G.2): sign bit clear, never a failure.
extension WBEMStatus {
    /// WBEM_S_NO_ERROR: Success (same value).
    public static let noError = WBEMStatus(rawValue: 0x00000000)

    /// WBEM_S_FALSE: Fewer than asked; end of enumeration.
    public static let sFalse = WBEMStatus(rawValue: 0x00000001)

    /// WBEM_S_ALREADY_EXISTS: Object existed (success form).
    public static let sAlreadyExists = WBEMStatus(rawValue: 0x00040001)

    /// WBEM_S_RESET_TO_DEFAULT: Override dropped; parent default back in force.
    public static let sResetToDefault = WBEMStatus(rawValue: 0x00040002)

    /// WBEM_S_DIFFERENT: Comparison: not equal.
    public static let sDifferent = WBEMStatus(rawValue: 0x00040003)

    /// WBEM_S_TIMEDOUT: Wait ended before completion; not a failure.
    public static let sTimedOut = WBEMStatus(rawValue: 0x00040004)

    /// WBEM_S_NO_MORE_DATA: Iteration over.
    public static let sNoMoreData = WBEMStatus(rawValue: 0x00040005)

    /// WBEM_S_OPERATION_CANCELLED: Cancelled (success form).
    public static let sOperationCancelled = WBEMStatus(rawValue: 0x00040006)

    /// WBEM_S_PENDING: Still running.
    public static let sPending = WBEMStatus(rawValue: 0x00040007)

    /// WBEM_S_DUPLICATE_OBJECTS: Several copies of one object found.
    public static let sDuplicateObjects = WBEMStatus(rawValue: 0x00040008)

    /// WBEM_S_ACCESS_DENIED: Some resources were not accessible.
    public static let sAccessDenied = WBEMStatus(rawValue: 0x00040009)

    /// WBEM_S_PARTIAL_RESULTS: Result set incomplete.
    public static let sPartialResults = WBEMStatus(rawValue: 0x00040010)

    /// WBEM_S_SOURCE_NOT_AVAILABLE: A data source was absent.
    public static let sSourceNotAvailable = WBEMStatus(rawValue: 0x00040017)

    /// WBEM_S_LIMITED_SERVICE: Served, with limits.
    public static let sLimitedService = WBEMStatus(rawValue: 0x00043001)

    /// WBEM_S_INDIRECTLY_UPDATED: Updated by way of another object.
    public static let sIndirectlyUpdated = WBEMStatus(rawValue: 0x00043002)

    /// WBEM_S_SUBJECT_TO_SDS: Access is checked again per event.
    public static let sSubjectToSds = WBEMStatus(rawValue: 0x00043003)
}
