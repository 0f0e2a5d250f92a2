#include "core/gemm/product_log.h"

#include "core/error.h"

#include <atomic>

namespace swingrad {

static std::atomic<ProductLog*> log = nullptr;

ProductLog::ProductLog() {
    ProductLog* none = nullptr;
    check(log.compare_exchange_strong(none, this), "[gemm] products are being noted already");
}
ProductLog::~ProductLog() { log = nullptr; }

std::map<Product, int64_t> ProductLog::products() const {
    const std::lock_guard lock(mutex_);
    return products_;
}
double ProductLog::flops() const {
    const std::lock_guard lock(mutex_);
    return flops_;
}
void note_product(const Product& product) {
    ProductLog* noting = log;
    if (!noting) return;
    const std::lock_guard lock(noting->mutex_);
    ++noting->products_[product];
    noting->flops_ += product.flops();
}

}  // namespace swingrad
