"""States of earlier versions, and the program that records today's."""
