print("cimctl")
