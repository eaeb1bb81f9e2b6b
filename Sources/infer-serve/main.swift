print("infer-serve")
