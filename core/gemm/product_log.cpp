#include "core/gemm/product_log.h"

#include "core/error.h"

#include <atomic>

namespace swingrad {

static std::atomic<ProductLog*> current = nullptr;

ProductLog::ProductLog() {
    ProductLog* none = nullptr;
    check(current.compare_exchange_strong(none, this), "[gemm] products are being noted already");
}
ProductLog::~ProductLog() { current = nullptr; }

std::map<Product, int64_t> ProductLog::products() const {
    const std::lock_guard lock(mutex_);
    return products_;
}
double ProductLog::flops() const {
    const std::lock_guard lock(mutex_);
    return flops_;
}
void note_product(const Product& product) {
    ProductLog* noting = current;
    if (!noting) return;
    const std::lock_guard lock(noting->mutex_);
    ++noting->products_[product];
    noting->flops_ += product.flops();
}

}  // namespace swingrad
