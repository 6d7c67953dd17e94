// Before any of the product's code is there: it finds the world's time and chance.
import { install } from "./globals.ts";

install();
