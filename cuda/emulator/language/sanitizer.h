// Whether AddressSanitizer looks on, by GCC or by Clang: SWINGRAD_ADDRESS_SANITIZER.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define SWINGRAD_ADDRESS_SANITIZER
#elif defined(__has_feature)  // Clang
#if __has_feature(address_sanitizer)
#define SWINGRAD_ADDRESS_SANITIZER
#endif
#endif
